"""Small faults that a default test must notice: ``python -m tests.mutants 0 known`` puts each in.

Each was let pass by the tests once, or is of the same kind: it changes a score, an id or an order,
and nothing else.
"""

from __future__ import annotations

from typing import Final

FAULTS: Final[tuple[tuple[str, str, str, str], ...]] = (
    # --- what is scored ---
    (
        "a trained run is scored with its untrained weights",
        "bench/evaluation/worker.py",
        "if run.weights is not None:",
        "if False:",
    ),
    (
        "the separator's options and weights are left out of the stems' key",
        "bench/evaluation/worker.py",
        "spec.separator.canonical(), registered.version",
        "spec.separator.full_name, registered.version",
    ),
    (
        "the separator's source is left out of the stems' key",
        "bench/evaluation/worker.py",
        "registered.version, registered.source, code_hash()",
        "registered.version, code_hash()",
    ),
    (
        "the code is left out of the stems' key",
        "bench/evaluation/worker.py",
        "registered.source, code_hash(),",
        "registered.source,",
    ),
    (
        "stems of a separator that is trained are kept",
        "bench/evaluation/worker.py",
        "if registered.spec.trainable or registered.spec.reads_stems:",
        "if registered.spec.reads_stems:",
    ),
    (
        "an oracle's stems are kept",
        "bench/evaluation/worker.py",
        "if registered.spec.trainable or registered.spec.reads_stems:",
        "if registered.spec.trainable:",
    ),
    (
        "dropout and the like are on in an evaluation",
        "bench/evaluation/worker.py",
        "system.train(False)",
        "system.train(True)",
    ),
    (
        "the mixture is left out of the stems' key",
        "bench/evaluation/separations.py",
        "digest.update(np.ascontiguousarray(mixture.numpy()).data)",
        "pass",
    ),
    (
        "damaged stems are used",
        "bench/evaluation/separations.py",
        "if whole and digest ==",
        "if whole or digest ==",
    ),
    (
        "stems are used with --fresh",
        "bench/evaluation/separations.py",
        "if not self.limit or self.fresh:",
        "if not self.limit:",
    ),
    (
        "the reference has the system's gains in the challenge's protocol",
        "bench/evaluation/protocol.py",
        'requested if protocol == "challenge" else applied',
        'applied if protocol == "challenge" else requested',
    ),
    (
        "references are shared between gains",
        "bench/evaluation/protocol.py",
        "gains = tuple(wanted.flatten().tolist())",
        "gains = ()",
    ),
    (
        "the reference has the system's prescription",
        "bench/evaluation/protocol.py",
        "system.amplify_reference(remixed[None]",
        "system.amplify(remixed[None]",
    ),
    (
        "the remix has the loudness of the clean stems' sum",
        "bench/evaluation/protocol.py",
        "finite_loudness(self.mixture, self.scene.sample_rate)",
        "finite_loudness(self.stems.sum(dim=0), self.scene.sample_rate)",
    ),
    (
        "a separator's samples that are not finite are scored",
        "bench/evaluation/protocol.py",
        "if not all(bool(torch.isfinite(row).all()) for row in stems):",
        "if False:",
    ),
    (
        "a limit takes the first pairs",
        "bench/evaluation/runner.py",
        "[pairs[i * len(pairs) // limit] for i in range(limit)]",
        "pairs[:limit]",
    ),
    (
        "scenes of which something failed are not scored again",
        "bench/evaluation/runner.py",
        "include_failed=False",
        "include_failed=True",
    ),
    # --- training ---
    (
        "training's reference stems are without their gains",
        "bench/training/objective.py",
        "scale_stems(batch.stems, wanted)",
        "batch.stems",
    ),
    (
        "training's output is not clipped",
        "bench/training/objective.py",
        ".clamp(-1.0, 1.0)",
        "",
    ),
    (
        "training's level1 is of 64 dB",
        "bench/training/objective.py",
        "calibration = level1(",
        "calibration = -1.0 + level1(",
    ),
    (
        "training's reference has the system's prescription",
        "bench/training/objective.py",
        "system.amplify_reference(clean_remix",
        "system.amplify(clean_remix",
    ),
    (
        "training's remix is of other loudness",
        "bench/training/objective.py",
        "remix(own, batch.mixture, rate), remix(",
        "own.sum(dim=1), remix(",
    ),
    (
        "a silent reference makes training infinite",
        "bench/training/objective.py",
        ".clamp_min(_LEAST_RMS)",
        "",
    ),
    (
        "held-out songs ignore the seed",
        "bench/training/segments.py",
        'derive(seed, "hold-out")',
        'derive(0, "hold-out")',
    ),
    (
        "segments ignore the seed",
        "bench/training/segments.py",
        'derive(seed, "segments", epoch)',
        'derive(0, "segments", epoch)',
    ),
    (
        "each epoch has the same segments",
        "bench/training/segments.py",
        'derive(seed, "segments", epoch)',
        'derive(seed, "segments")',
    ),
    (
        "near-silence by RMS or peak",
        "bench/training/segments.py",
        "rms < SILENCE_RMS and percentile",
        "rms < SILENCE_RMS or percentile",
    ),
    (
        "half of the songs may be held out",
        "bench/training/segments.py",
        "len(names) // 3",
        "len(names) // 2",
    ),
    (
        "held-out songs are trained on",
        "bench/training/segments.py",
        "[s for s in scenes if s.song not in held]",
        "list(scenes)",
    ),
    (
        "validation pairs ignore the seed",
        "bench/training/validation.py",
        'derive(spec.seed, "validation")',
        'derive(0, "validation")',
    ),
    (
        "validation hears the beginning, not the middle",
        "bench/training/validation.py",
        "(scene.frames - frames) // 2",
        "0",
    ),
    (
        "validation's protocol is the evaluation's",
        "bench/training/validation.py",
        "spec.training_protocol",
        "spec.protocol",
    ),
    (
        "gains are trained at the separator's rate",
        "bench/training/trainer.py",
        '"gains": settings.gains_learning_rate,',
        '"gains": settings.learning_rate,',
    ),
    (
        "the worst epoch is kept",
        "bench/training/trainer.py",
        "better = score > best_score or",
        "better = score < best_score or",
    ),
    (
        "a tie takes the later epoch",
        "bench/training/trainer.py",
        "better = score > best_score or",
        "better = score >= best_score or",
    ),
    (
        "gradients are not clipped",
        "bench/training/trainer.py",
        "limit = settings.clip_norm or",
        'limit = float("inf") or',
    ),
    (
        "a resumed training has a new optimiser",
        "bench/training/trainer.py",
        "optimizer.load_state_dict(state.optimizer)",
        "pass",
    ),
    (
        "gradients add up over steps",
        "bench/training/trainer.py",
        "optimizer.zero_grad(set_to_none=True)",
        "pass",
    ),
    (
        "patience counts one epoch more",
        "bench/training/trainer.py",
        "state.epoch - state.best_epoch >= settings.patience",
        "state.epoch - state.best_epoch > settings.patience",
    ),
    (
        "training is by the evaluation's protocol",
        "bench/spec/run.py",
        "return self.training.protocol or self.protocol",
        "return self.protocol",
    ),
    (
        "initial weights ignore the seed",
        "bench/system/system.py",
        'derive(seed, "init", part.spec.kind, part.spec.name)',
        'derive(0, "init", part.spec.kind, part.spec.name)',
    ),
    (
        "a part's initial weights depend on nothing but the seed",
        "bench/system/system.py",
        'derive(seed, "init", part.spec.kind, part.spec.name)',
        'derive(seed, "init")',
    ),
    # --- ids ---
    (
        "an option of the gains is left out of the id",
        "bench/spec/run.py",
        '"gains": self.gains.canonical(),',
        '"gains": self.gains.full_name,',
    ),
    (
        "the separator's options are left out of the id",
        "bench/spec/run.py",
        '"separator": self.separator.canonical(),',
        '"separator": self.separator.full_name,',
    ),
    (
        "the reference's prescription is left out of the id",
        "bench/spec/run.py",
        '"reference_prescription": self.reference_prescription.canonical(),',
        "",
    ),
    (
        "the loss's options are left out of the id",
        "bench/spec/run.py",
        '[choice.canonical() for choice in self.losses]\n            form["training"]',
        '[choice.full_name for choice in self.losses]\n            form["training"]',
    ),
    (
        "the seed is left out of the id",
        "bench/spec/run.py",
        'form["seed"] = self.seed',
        "pass",
    ),
    (
        "the data are left out of the id",
        "bench/spec/run.py",
        '"data": dict(fingerprints),',
        '"data": {},',
    ),
    (
        "the order of metrics is in the id",
        "bench/spec/run.py",
        "sorted((m.canonical() for m in self.metrics), key=_name_of)",
        "[m.canonical() for m in self.metrics]",
    ),
    (
        "the training's data are not in the fingerprints",
        "bench/spec/run.py",
        "(self.training.split, self.training.validation_split) if self.trains else ()",
        "()",
    ),
    (
        "a trained run is ranked on its own songs",
        "bench/runs/record.py",
        "shared = len(learned & scored)",
        "shared = 0",
    ),
    (
        "a run whose epoch was chosen on the scored split is ranked",
        "bench/runs/record.py",
        "if spec.training.validation_split == spec.split and chooses:",
        "if False:",
    ),
    (
        "weights that say nothing of their training data are ranked",
        "bench/spec/resolve.py",
        'return said or (("unknown",) if "weights" in spec.needs else ())',
        "return said",
    ),
    (
        "a system that is given the clean stems is ranked",
        "bench/spec/resolve.py",
        "if separator.reads_stems:",
        "if False:",
    ),
    (
        "weights of unknown training data are ranked",
        "bench/spec/resolve.py",
        'if "unknown" in data:',
        "if False:",
    ),
    # --- metrics and levels ---
    (
        "silence is -79 LUFS",
        "bench/hearing/loudness.py",
        "SILENCE: Final = -80.0",
        "SILENCE: Final = -79.0",
    ),
    (
        "silence stays minus infinity",
        "bench/hearing/loudness.py",
        "return SILENCE if np.isneginf(level) else level",
        "return level",
    ),
    (
        "the proxy metric's level1 is of 64 dB",
        "bench/builtin/metrics/haaqi_light.py",
        "calibration = level1(rms)",
        "calibration = level1(rms) - 1.0",
    ),
    (
        "the proxy metric hears the output twice",
        "bench/builtin/metrics/haaqi_light.py",
        "rendering.output_reference[ear].float()",
        "rendering.output[ear].float()",
    ),
    (
        "stems from -70 LUFS on have an SDR",
        "bench/builtin/metrics/sdr.py",
        "NEARLY_SILENT: Final = -60.0",
        "NEARLY_SILENT: Final = -70.0",
    ),
    (
        "a presentation level of 64 dB SPL",
        "bench/hearing/calibration.py",
        "PRESENTATION_LEVEL: Final = 65.0",
        "PRESENTATION_LEVEL: Final = 64.0",
    ),
    (
        "samples are rounded, not truncated",
        "bench/system/output.py",
        "return samples.astype(np.int16)",
        "return np.rint(samples).astype(np.int16)",
    ),
    (
        "the left ear has the right ear's gains",
        "bench/system/remix.py",
        "return stems * factors.transpose(1, 2)[:, :, :, None]",
        "return stems * factors.transpose(1, 2).flip(2)[:, :, :, None]",
    ),
    # --- what is heard ---
    (
        "no level match before the simulated hearing loss",
        "bench/listening/render.py",
        "with_hearing_loss(_to_loudness(signal, wanted), self.listener, levels)",
        "with_hearing_loss(signal, self.listener, levels)",
    ),
    # --- files ---
    (
        "a file is copied over its target instead of moved",
        "bench/runtime/files.py",
        "        _move(draft, target)",
        "        target.write_bytes(draft.read_bytes())\n        draft.unlink()",
    ),
    # --- the board ---
    (
        "rank ranges are widened for the number of rows",
        "bench/leaderboard/statistics.py",
        "in differences_of_all(values, crossing, level=level):",
        "in differences_of_all(\n"
        "        values, crossing, level=1.0 - (1.0 - level) / (len(systems) - 1)\n"
        "    ):",
    ),
    (
        "Holm without its steps",
        "bench/leaderboard/statistics.py",
        "(len(order) - position) * p_values[index]",
        "len(order) * p_values[index]",
    ),
    (
        "two songs have an interval",
        "bench/leaderboard/statistics.py",
        "if songs < FEWEST_SONGS:",
        "if songs < 2:",
    ),
    (
        "the listeners do not count in p",
        "bench/leaderboard/statistics.py",
        "return max(p, flip_p(by_listener(values, crossing).total), both.p())",
        "return p",
    ),
    (
        "pairs that one system lacks count",
        "bench/leaderboard/statistics.py",
        'axis=1, join="inner").dropna()\n\n\ndef paired_differences',
        'axis=1, join="outer").fillna(0.0)\n\n\ndef paired_differences',
    ),
)

UNITS: Final = {
    "bench/evaluation/worker.py": "evaluation",
    "bench/evaluation/separations.py": "evaluation",
    "bench/evaluation/protocol.py": "evaluation",
    "bench/evaluation/runner.py": "evaluation",
    "bench/training/objective.py": "training",
    "bench/training/segments.py": "training",
    "bench/training/validation.py": "training",
    "bench/training/trainer.py": "training",
    "bench/spec/run.py": "spec",
    "bench/runs/record.py": "runs/test_record.py runs/test_execute.py",
    "bench/hearing/loudness.py": "hearing/test_loudness.py",
    "bench/hearing/calibration.py": "builtin/metrics",
    "bench/builtin/metrics/haaqi_light.py": "builtin/metrics",
    "bench/builtin/metrics/sdr.py": "builtin/metrics",
    "bench/system/system.py": "system/test_system.py",
    "bench/spec/resolve.py": "spec",
    "bench/system/output.py": "system/test_output.py",
    "bench/system/remix.py": "system/test_remix.py",
    "bench/listening/render.py": "listening",
    "bench/runtime/files.py": "runtime/test_files.py",
    "bench/leaderboard/statistics.py": (
        "leaderboard/test_statistics.py leaderboard/test_table.py leaderboard/test_rules.py "
        "leaderboard/test_coverage.py leaderboard/test_two_way.py leaderboard/test_systems.py "
        "leaderboard/test_notes.py"
    ),
}
"""The unit tests that are to notice, by the file."""
