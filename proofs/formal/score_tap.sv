// The checker counts for itself which beat of which key, head and block is added: PARTS beats of a
// key, LANES keys of a head, HEADS heads of a block, num_blocks blocks. A beat is added in any
// cycle while an instruction has more of them.
wire beats = unit_stream_is_summed_2_q;
reg is_open = 0, was_open = 0;
reg [7:0] part, key, head, key_before, head_before;
reg [15:0] block, block_before;
wire is_row = beats && part == PARTS - 1;
wire is_head_end = is_row && key == LANES - 1;
wire is_block_end = is_head_end && head == HEADS - 1;
wire is_end = is_block_end && block == num_blocks - 1;
wire is_aligned = is_tapped && block + distance == num_blocks - 1 && key == lane;
wire is_aligned_before = is_tapped && block_before + distance == num_blocks - 1 && key_before == lane;
// Since the last score was taken, SCORE has begun.
reg has_begun = 0;
reg was_clear = 0;
reg [DONE:1] is_end_before = 0;
reg is_row_before = 0;
wire is_under_way = is_open || was_open || is_row_before || unit_tap_is_added_1_q;
always @(posedge clk) begin
    was_clear <= was_clear || clear;
    is_end_before <= clear ? 0 : {is_end_before[DONE-1:1], is_end};
    is_row_before <= is_row && !clear;
    is_open <= clear ? 1'b0 : start ? 1'b1 : is_open && !is_end;
    was_open <= clear ? 1'b0 : start || is_open;
    part <= start ? 0 : is_row ? 0 : part + beats;
    key <= start ? 0 : is_head_end ? 0 : key + is_row;
    head <= start ? 0 : is_block_end ? 0 : head + is_head_end;
    block <= start ? 0 : block + is_block_end;
    {key_before, head_before, block_before} <= start ? 0 : {key, head, block};
    has_begun <= clear || is_taken ? 1'b0 : has_begun || beats && is_aligned;
end
// The key after the one of the row before.
wire is_last_key = key_before == LANES - 1;
wire is_last_head = is_last_key && head_before == HEADS - 1;
wire is_last_before = is_last_head && block_before == num_blocks - 1;
wire [7:0] key_next = is_last_key ? 0 : key_before + 1;
wire [7:0] head_next = is_last_head ? 0 : head_before + is_last_key;
wire [15:0] block_next = block_before + is_last_head;
wire [47:0] tapped = out_score + (unit_tap_is_added_1_q ? unit_tap_sum_q : 48'd0)
    + (is_row_before && is_aligned_before || is_open && part != 0 && is_aligned ? out_partial : 48'd0);

reg start_before = 0;
reg [63:0] says_before;
wire [63:0] says = {num_blocks, distance, lane, is_tapped};
always @(posedge clk) begin
    start_before <= start;
    says_before <= says;
end
always @(posedge clk) begin
    // What SCORES asks of the array.
    beats_of_scores: assume (!beats || is_open);
    rows_begin: assume (unit_stream_is_first_3_q == (part == 0));
    rows_end: assume (unit_stream_is_row_2_q == is_row);
    // SCORE: the same sums, of the aligned key alone, in one row.
    same_lower: assume (unit_score_sum_1_0_q == unit_stream_sum_1_0_q);
    same_upper: assume (unit_score_sum_1_1_q == unit_stream_sum_1_1_q);
    beats_of_score: assume (unit_score_is_summed_2_q == (beats && is_aligned));
    score_begins: assume (unit_score_is_first_3_q == !has_begun);
    // The core.
    starts_when_done: assume (!start || !is_under_way && !is_end_before && !clear);
    taken_when_done: assume (!is_taken || !is_under_way && !start);
    instruction_holds: assume (!is_under_way || says == says_before);
    has_blocks: assume (num_blocks != 0);
    if (was_clear) begin
        invariant_part: assert (!is_open || part < PARTS && key < LANES && head < HEADS && block < num_blocks);
        invariant_before: assert (!was_open || key_before < LANES && head_before < HEADS && block_before < num_blocks);
        invariant_row: assert (out_row == is_row_before);
        invariant_key: assert (!was_open || unit_tap_key_q == key_before);
        invariant_head: assert (!was_open || unit_tap_head_q == head_before);
        invariant_last: assert (!was_open || unit_tap_is_last_block_q == (block_before == num_blocks - 1));
        invariant_behind: assert (!was_open || unit_tap_num_blocks_behind_q == num_blocks - 1 - block_before);
        invariant_opened: assert (!is_open && !is_row_before || was_open);
        invariant_same: assert (!is_open || {key, head, block} == (is_row_before ? {key_next, head_next, block_next} : {key_before, head_before, block_before}));
        invariant_row_ends: assert (!is_row_before || part == 0);
        invariant_end: assert (is_end_before[1] == (is_row_before && is_last_before));
        invariant_ended: assert (is_end_before[1] ? !is_open : !is_row_before || is_open);
        invariant_closed: assert (!is_open || is_end_before == 0);
        invariant_ends_once: assert ((is_end_before & (is_end_before - 1)) == 0);
        invariant_drained: assert (is_end_before[DONE:2] == 0 || !is_row_before);
        invariant_added: assert (!is_end_before[DONE] || !unit_tap_is_added_1_q);
        invariant_done: assert (unit_tap_is_done_1_q == is_end_before[2]);
        invariant_not_added: assert (has_begun || !unit_tap_is_added_1_q);
        invariant_not_aligned: assert (has_begun || !(is_row_before && is_aligned_before) && !(is_open && part != 0 && is_aligned));
        invariant_sum: assert (tapped == (has_begun ? out_measure : 48'd0));
        if (is_end_before[DONE]) is_score: assert (out_score == (has_begun ? out_measure : 48'd0));
        done_when_complete: assert (out_is_done == is_end_before[DONE]);
        if (!has_begun) nothing_else_is_tapped: assert (out_score == 0);
    end
    a_block_back: cover (was_clear && beats && is_aligned && distance == 1 && part != 0 && head == 1 && out_score == 5);
    not_tapped: cover (was_clear && out_is_done && !has_begun && num_blocks == 1);
    two_instructions: cover (was_clear && start && has_begun && out_score == 9);
    taken: cover (was_clear && is_taken && has_begun && out_score == 48'hffffffffffff);
end
