"""Ablations: many runs of one suite, planned together and executed side by side.

:mod:`bench.ablation.design` says what is varied, :mod:`bench.ablation.matrix` turns that into runs
and :mod:`bench.ablation.execute` does them. What they brought is computed by
:mod:`bench.leaderboard.effects`. Nothing heavy is imported here.
"""
