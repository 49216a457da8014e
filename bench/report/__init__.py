"""The report: one folder that opens from disk, without a network.

Nothing heavy is imported here: `bench.report.page.write_report` writes it.
"""
