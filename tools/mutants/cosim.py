"""Planted bugs of the co-simulation and of its report; names begin with `cosim:` or `report:`."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(stem: str, name: str, old: str, new: str, test: str = "") -> Mutant:
    """A mutant of `cosim/<stem>.py`; the test of that file must notice, or the one named.

    `file::test` is one test of a file.
    """
    file, separator, function = (test or stem).partition("::")
    tests = (name_test_file(f"cosim/{file}") + separator + function,)
    return Mutant(f"cosim: {name}", f"cosim/{stem}.py", old, new, tests)


def _report_bug(path: str, name: str, old: str, new: str, test: str) -> Mutant:
    """A mutant of what is made from measurements."""
    return Mutant(f"report: {name}", path, old, new, (test,))


_PROGRAM = (
    _bug(
        "program/assembler",
        "threshold never negative in text",
        "is_negative = instruction.value >> (VALUE_BITS - 1)",
        "is_negative = instruction.value >> VALUE_BITS",
    ),
    _bug(
        "program/assembler",
        "second value of a field counts",
        "if name in fields:",
        'if name in fields and name == "slot":',
    ),
    _bug(
        "program/compiler",
        "up is requantised by the multipliers of gate",
        "LayerPart.UP_MULTIPLIERS, LayerPart.UP_WEIGHTS",
        "LayerPart.GATE_MULTIPLIERS, LayerPart.UP_WEIGHTS",
    ),
    _bug(
        "program/compiler",
        "replay adds the cached input",
        "yield load(Buffer.Y, hidden, self._locate_cache(step, slot, CachePart.OUTPUT))",
        "yield load(Buffer.Y, hidden, self._locate_cache(step, slot, CachePart.NORMED))",
    ),
    _bug(
        "program/compiler",
        "decisions known beforehand are inverted",
        "rows=int(step.is_computing[slot])",
        "rows=int(not step.is_computing[slot])",
    ),
    _bug(
        "program/compiler",
        "input not cached for the next distance",
        "if step.is_cached and step.source is DecisionSource.DISTANCE:",
        "if step.is_cached and step.source is DecisionSource.SCORE:",
    ),
    _bug(
        "program/compiler",
        "sign of the threshold lost",
        "Opcode.THRESHOLD, **split_value(step.threshold)",
        "Opcode.THRESHOLD, **split_value(abs(step.threshold))",
    ),
)

_MEMORY = (
    _bug(
        "program/memory_image",
        "vectors with the high byte first",
        'values.dtype.newbyteorder("<")',
        'values.dtype.newbyteorder(">")',
    ),
    _bug(
        "program/memory_map",
        "places of the cache overlap",
        "(layer_index * self.tokens_per_frame + location) * self.num_slots",
        "(layer_index + location) * self.num_slots",
        "program/memory_image",
    ),
    _bug(
        "program/memory_image",
        "gate weights twice",
        "LayerPart.UP_WEIGHTS, layer.up_proj",
        "LayerPart.UP_WEIGHTS, layer.gate_proj",
    ),
    _bug(
        "backends/memory_model",
        "answers one cycle early",
        "self._response_cycle = self._cycle + self.settings.latency_cycles",
        "self._response_cycle = self._cycle + self.settings.latency_cycles - 1",
    ),
    _bug(
        "backends/memory_model",
        "offer may be withdrawn",
        "if held is not None and offered != held:",
        "if None not in (held, offered) and offered != held:",
    ),
    _bug(
        "backends/memory_model",
        "refused write is done",
        "if not is_error:",
        "if address in self.memory:",
    ),
    _bug(
        "backends/memory_model",
        "raised answer falls in a stall",
        "read_response_valid=self._response is not None,",
        "read_response_valid=self._response is not None and not self._is_stalled(),",
    ),
    _bug(
        "backends/memory_model",
        "run may end with an open transfer",
        "return self._beats_left > 0 or bool(self._open_writes)",
        "return self._beats_left > 0",
    ),
)

_LOCKSTEP = (
    _bug(
        "program/memory_image",
        "cache handed over from inputs for outputs",
        "(CachePart.OUTPUT, reference.cached_outputs)",
        "(CachePart.OUTPUT, reference.cached_inputs)",
        "engine",
    ),
    _bug(
        "engine",
        "failed layer not kept",
        "self.last_start, self._num_starts = start, self._num_starts + 1",
        "self._num_starts += 1",
    ),
    _bug(
        "engine",
        "every layer stalls alike",
        "seed=settings.channels.seed + number",
        "seed=settings.channels.seed",
    ),
    _bug(
        "lockstep",
        "residual stream not compared",
        'compare_rows("residual", wanted.residual, found.residual)',
        'compare_rows("residual", wanted.residual, wanted.residual)',
    ),
    _bug(
        "lockstep",
        "cycles of decisions not compared",
        "cycle = decision.cycle if exact is None else exact.decision_cycles[slot]",
        "cycle = decision.cycle",
    ),
    _bug(
        "lockstep",
        "static core of the next slot",
        "get_static_core(SlotIndex(slot), num_cores)",
        "get_static_core(SlotIndex(slot + 1), num_cores)",
    ),
    _bug(
        "lockstep",
        "any number of cycles under stalls",
        "(found.cycles > most and not settings.gap_probability)",
        "found.cycles > 2 * most",
    ),
    _bug(
        "lockstep",
        "hardware begins with an empty cache",
        "self.hardware.load_cache(self.reference)",
        "self.hardware.load_cache",
    ),
    _bug(
        "export/recording",
        "digest of the slot before",
        "int(wanted.digests[one.slot]),",
        "int(wanted.digests[one.slot - 1]),",
    ),
    _bug(
        "export/share",
        "slot 0 is decided as well",
        "is_decided = np.arange(len(request.residual)) > 0",
        "is_decided = np.arange(len(request.residual)) >= 0",
        "export/recording",
    ),
    _bug(
        "program/memory_image",
        "cached inputs missing in memory",
        "(CachePart.NORMED, reference.cached_inputs)",
        "(CachePart.NORMED, reference.cached_outputs)",
        "export/recording",
    ),
)

_CYCLES = (
    _bug(
        "cycles/cycle_recursion",
        "records are taken a cycle sooner",
        "RECORD_CYCLES = 2",
        "RECORD_CYCLES = 1",
        "cycles/cycle_model::test_records_of_many_cores_wait_for_each_other_and_delay_the_next",
    ),
    _bug(
        "cycles/cycle_recursion",
        "replayed slots move the pointer",
        "(self.pointer + self.computes[head])",
        "(self.pointer + 1)",
        "lockstep",
    ),
    _bug(
        "cycles/cycle_model",
        "bounds count the stalls of no memory twice",
        "prediction.cycles + stalls[0] - stalls[1]",
        "prediction.cycles + stalls[0]",
        "statistics::test_sums_add_up",
    ),
    _bug(
        "cycles/planner",
        "mapping forgotten",
        "LayerStep(0, 0, source, 0, everything, everything, dispatch)",
        "LayerStep(0, 0, source, 0, everything, everything)",
    ),
    _bug(
        "prediction",
        "shares count what computes",
        ">= ratio",
        "< ratio",
        "prediction::test_cycles_are_means_of_the_cycle_model",
    ),
)

_STATISTICS = (
    _bug(
        "statistics",
        "rounds are those of the idlest core",
        '"rounds": max(',
        '"rounds": min(',
        "statistics::test_sums_add_up",
    ),
    _bug(
        "statistics",
        "other mapping is the same",
        "set_mapping(run.program, not is_static)",
        "set_mapping(run.program, is_static)",
        "statistics::test_the_timeline_is_of_the_run_that_drs_shortens_most",
    ),
    _bug(
        "statistics",
        "latency counts as random stall",
        "counted.stalls - predicted.stalls",
        "counted.stalls",
        "statistics::test_stalls_are_added_to_what_the_cycle_model_says",
    ),
    _bug(
        "cycles/timeline",
        "slots of a core run together",
        "(span.slot, span.phase) == (slot, phase)",
        "span.phase == phase",
        "statistics::test_spans_of_a_core_follow_each_other_and_cover_its_work",
    ),
    _bug(
        "report",
        "speed-up of the other mapping",
        'divide(dense, totals["cycles"])',
        'divide(dense, totals["drs_cycles"])',
    ),
    _bug(
        "report",
        "beats for bytes",
        '"read_bytes": core["read_beats"] * num_bytes',
        '"read_bytes": core["read_beats"]',
    ),
    _bug(
        "report_tables",
        "letters a half late",
        "(2 * place + 1) * num_cycles // (2 * TIMELINE_LETTERS)",
        "(2 * place + 1) * num_cycles // TIMELINE_LETTERS",
        "report",
    ),
)

_BACKENDS = (
    _bug(
        "backends/pyrtl_backend",
        "done of the run before counts",
        'return has_begun and bool(get("done"))',
        'return bool(get("done"))',
        "backends/pyrtl_backend::test_runs_follow_one_another_without_reset",
    ),
    _bug(
        "backends/pyrtl_backend",
        "errors of writes are not driven",
        "value for port, value in vars(channel.drive()).items()",
        'value * (port != "write_acknowledge_error") '
        "for port, value in vars(channel.drive()).items()",
        "backends/pyrtl_backend::test_the_simulator_of_pyrtl_meets_the_same_memory_error",
    ),
    _bug(
        "backends/pyrtl_backend",
        "request of another length is read",
        'port: get(f"{name}_{port}") for port in ports',
        'port: get(f"{name}_{port}") + port.endswith("num_beats") for port in ports',
        "backends/pyrtl_backend::test_runs_follow_one_another_without_reset",
    ),
    _bug(
        "backends/verilator_backend",
        "all cores stall alike",
        'make_generator(f"{channels.seed} core{core}")',
        'make_generator(f"{channels.seed} core0")',
        "backends/compiled_backends::test_both_back_ends_give_the_same",
    ),
    _bug(
        "backends/verilator_backend",
        "errors of writes are those of reads",
        "*(errors[1], len(errors[1])),",
        "*(errors[0], len(errors[0])),",
        "backends/compiled_backends::test_every_address_with_an_error_stays_as_it_is",
    ),
)

_VERILOG = (
    _bug(
        "verilog/body",
        "a bit of a scalar is selected",
        "max(MIN_SELECTED_BITS, used,",
        "max(1, used,",
        "verilog/configurations",
    ),
    _bug(
        "verilog/verilog_lines",
        "long statements stay on their line",
        'len(line) <= MAX_LINE_CHARACTERS or "//" in line',
        '"assign" in line or "//" in line',
    ),
)

_PICTURES = (
    _report_bug(
        "tools/hardware/mapping.py",
        "mappings exchanged",
        "order = Dispatch.DYNAMIC, Dispatch.STATIC",
        "order = Dispatch.STATIC, Dispatch.DYNAMIC",
        "tests/tools/hardware/test_main.py::test_mappings_follow_the_schedule",
    ),
    _report_bug(
        "tools/hardware/mapping.py",
        "neighbours are the same slot",
        "flags[:, :-1].ravel(), flags[:, 1:].ravel()",
        "flags[:, 1:].ravel(), flags[:, 1:].ravel()",
        "tests/tools/hardware/test_main.py::test_persistence_is_the_correlation_of_neighbours",
    ),
    _report_bug(
        "tools/hardware/paper.py",
        "every guess is confirmed",
        'largest["drs"] <= NEAR',
        'largest["drs"] >= 0',
        "tests/tools/hardware/test_main.py::test_a_time_that_differs_refutes",
    ),
    _report_bug(
        "tools/page.py",
        "a number of a table passes for prose",
        'join_lines(BLOCK.sub(" | ", page))',
        "join_lines(page)",
        "tests/tools/test_page.py::test_a_table_is_no_prose",
    ),
    _report_bug(
        "tools/page.py",
        "false claims are kept quiet",
        "if not claim.holds:",
        "if not claim.text:",
        "tests/tools/test_page.py::test_a_false_claim_is_told_although_it_stands_in_the_page",
    ),
    _report_bug(
        "tools/hardware/model.py",
        "timeline of one mapping twice",
        "flags[place].tolist(), num_cores, dispatch, DecisionSource.SCORE, LATENCY_CYCLES",
        "flags[place].tolist(), num_cores, Dispatch.STATIC, DecisionSource.SCORE, LATENCY_CYCLES",
        "tests/tools/hardware/test_main.py::test_timeline_shows_every_slot_on_its_core",
    ),
)

COSIM_MUTANTS = (
    *_PROGRAM,
    *_MEMORY,
    *_LOCKSTEP,
    *_CYCLES,
    *_STATISTICS,
    *_BACKENDS,
    *_VERILOG,
    *_PICTURES,
)
