"""Planted bugs of the compiled kernels; names begin with `kernel:`."""

from __future__ import annotations

from tools.mutants.mutant import Mutant


def _bug(stem: str, name: str, old: str, new: str, test: str = "") -> Mutant:
    """A mutant of `reference/kernels/<stem>.py`; the test of that file, or the one named."""
    return Mutant(
        f"kernel: {name}",
        f"reference/kernels/{stem}.py",
        old,
        new,
        (f"tests/reference/kernels/test_{test or stem}.py",),
    )


KERNEL_MUTANTS = (
    _bug(
        "lanes",
        "neighbours added instead of halves",
        "for lane in range(start, start + lanes)",
        "for lane in range(start // lanes, 2 * lanes, 2)",
    ),
    _bug(
        "lanes",
        "bfloat16 widened into the lower half",
        "builder.shl(builder.zext(loaded, INT32), shift), FLOAT)",
        "builder.zext(loaded, INT32), FLOAT)",
        "products",
    ),
    _bug(
        "tiles",
        "a vector too few",
        "whole = builder.and_(width, INDEX(-step))",
        "whole = builder.and_(builder.sub(width, INDEX(1)), INDEX(-step))",
        "lanes",
    ),
    _bug(
        "tiles",
        "every row of a tile gets the first row's sum",
        "for row, activations in enumerate(loaded):\n                total = totals[row, output]\n",
        "for row, activations in enumerate([loaded[0]] * len(rows)):\n"
        "                total = totals[row, output]\n",
        "products",
    ),
    _bug(
        "tiles",
        "two rows are rounded otherwise than one",
        "summed = multiply_add(builder, vector, activations, builder.load(total))",
        "summed = multiply_add(builder, vector, activations, builder.load(total))\n"
        "                if len(rows) == 2:\n"
        "                    scaled = builder.fmul(vector, activations)\n"
        "                    summed = builder.fadd(scaled, builder.load(total))",
        "products",
    ),
    _bug(
        "tiles",
        "integer chains behind the first are lost",
        "[builder.load(totals[(*pair, chain)]) for chain in range(chains)]",
        "[builder.load(totals[(*pair, chain)]) for chain in range(1)]",
        "products",
    ),
    _bug(
        "lanes",
        "bytes multiplied in pairs without their upper half",
        "for start in (0, 2 * LANES):",
        "for start in (0, 0):",
    ),
    _bug(
        "products",
        "three rows left to their first two",
        "_tile_4x3(weight, output, x, rows - 3, out, output)",
        "_tile_4x2(weight, output, x, rows - 3, out, output)",
    ),
    _bug(
        "products",
        "what the raised weights add stays in the sums",
        "np.int32(sums[row, output] - added)",
        "np.int32(sums[row, output])",
    ),
    _bug(
        "products",
        "a stream gives the second row the first one's product",
        "_tile_1x2(weight, output, x, 0, out, output)",
        "_tile_1x1(weight, output, x, 0, out, output)",
    ),
    _bug(
        "products",
        "last outputs of a chunk left out",
        "for output in range(tiled, stop):",
        "for output in range(tiled, stop - 1):",
    ),
    _bug(
        "products",
        "scale of the first row for all rows",
        "np.float32(total) * x_scales[row] * scales[output]",
        "np.float32(total) * x_scales[0] * scales[output]",
    ),
    _bug(
        "products",
        "scales multiplied in another order",
        "np.float32(total) * x_scales[row] * scales[output]",
        "np.float32(total) * (x_scales[row] * scales[output])",
    ),
    _bug(
        "products",
        "activations cut off instead of rounded",
        "np.int32((quotient + _ROUNDER) - _ROUNDER)",
        "np.int32(quotient)",
    ),
    _bug(
        "products",
        "infinity quantised to zero",
        "return total, scale if is_finite else np.float32(np.nan)",
        "return total, scale if is_finite else np.float32(0)",
    ),
    _bug(
        "exponential",
        "low part of ln 2 forgotten",
        "rest = fused_multiply_add(-whole, LN2_LOW, rest)",
        "rest = fused_multiply_add(-whole, _ZERO, rest)",
    ),
    _bug(
        "swiglu",
        "silu of a negative gate without its decay",
        "numerator = _ONE if x >= _ZERO else decay",
        "numerator = _ONE if x >= _ONE else decay",
    ),
    _bug(
        "rms_norm",
        "eps outside of the root",
        "np.sqrt(mean_square + np.float32(eps))",
        "np.sqrt(mean_square) + np.float32(eps)",
    ),
    _bug(
        "rotary",
        "halves turned the wrong way",
        "second * cosine + first * sine",
        "second * cosine - first * sine",
    ),
    _bug(
        "storage",
        "ties rounded up",
        "(bits + _HALF_BELOW + ((bits >> 16) & 1)) >> 16",
        "(bits + _HALF_BELOW + 1) >> 16",
    ),
    _bug(
        "storage",
        "infinite keys are kept",
        "return are_keys_finite and are_values_finite",
        "return are_values_finite",
    ),
    _bug(
        "storage",
        "infinite keys are kept as int8",
        "are_finite: bool = np.isfinite(scales[:, :, start:stop] * _MAX_INT8).all()",
        "are_finite: bool = True",
    ),
    _bug(
        "storage",
        "an int8 token in the entry of the first",
        "scales[row, head, start:stop])",
        "scales[row, head, :tokens])",
    ),
    _bug(
        "lanes",
        "int8 taken for unsigned",
        "builder.sitofp(builder.sext(loaded, integers), floats)",
        "builder.sitofp(builder.zext(loaded, integers), floats)",
    ),
    _bug(
        "tiles",
        "int8 keys and float queries multiplied as integers",
        "emit = _emit_integer_lanes if rows[0].type.pointee == INT8",
        "emit = _emit_integer_lanes if weights[0].type.pointee == INT8",
        "lanes",
    ),
    _bug(
        "attention",
        "values multiplied by the scales of keys",
        "multiply_block(logits, head, value_scales, start, count)",
        "multiply_block(logits, head, key_scales, start, count)",
    ),
    _bug(
        "attention",
        "scales of the first block for all blocks",
        "block[head, place] *= scales[start + place]",
        "block[head, place] *= scales[place]",
    ),
    _bug(
        "attention",
        "scaled values change the sum of probabilities",
        "            _tile_1x1(ones, 0, logits, head, running[2:].reshape(-1, 1), 0)\n",
        "            multiply_block(logits, head, value_scales, start, count)\n"
        "            _tile_1x1(ones, 0, logits, head, running[2:].reshape(-1, 1), 0)\n",
    ),
    _bug(
        "row_prefetch",
        "nothing is asked for",
        "            prefetch(builder, builder.gep(first, [place]))\n",
        "            builder.gep(first, [place])\n",
    ),
    _bug(
        "attention",
        "sum not rescaled by a larger peak",
        "running[1, head] * rescale + running[2, head]",
        "running[1, head] + running[2, head]",
    ),
    _bug(
        "attention",
        "sinks ignore padding",
        "padding[row] + num_sinks,",
        "num_sinks,",
    ),
    _bug(
        "attention",
        "tap of the next entry",
        "tapped[head] = logits[head, tap_entry - start]",
        "tapped[head] = logits[head, (tap_entry - start + 1) % count]",
    ),
    _bug(
        "attention",
        "an entry of the padding is seen",
        "first = max(window_start, padding)",
        "first = max(window_start, padding - 1)",
    ),
    _bug(
        "sampling",
        "top-p keeps one token too few",
        "while kept < count and (total < limit or kept == 0):",
        "while kept < count and (total + masses[kept] < limit or kept == 0):",
    ),
    _bug(
        "sampling",
        "temperature ignored",
        "np.float64(logits[0])) / temperature)",
        "np.float64(logits[0])))",
    ),
    _bug(
        "engine",
        "norm of the MLP before the attention",
        "operands = (rows, layer.attention_norm, eps,",
        "operands = (rows, layer.mlp_norm, eps,",
    ),
    _bug(
        "engine",
        "weights touched though every row replays",
        "        if not len(normed):\n            return normed\n",
        "",
        "swiglu",
    ),
    _bug(
        "machine_code",
        "a damaged file is taken for whole",
        "                payload = read_checked(path)\n",
        "                payload = path.read_bytes()[32:] if path.is_file() else None\n",
    ),
    _bug(
        "machine_code",
        "kernels survive a change of their helpers",
        'digest.update(path.name.encode() + b"\\0" + path.read_bytes() + b"\\0")',
        'digest.update(path.name.encode() + b"\\0")',
    ),
    _bug(
        "compilation",
        "instructions that the target forbids are used",
        'return {feature[1:]: feature[0] == "+" for feature in named}',
        "return {feature[1:]: True for feature in named}",
    ),
)
"""Planted bugs of `reference/kernels`."""
