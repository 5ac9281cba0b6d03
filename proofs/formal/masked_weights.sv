// A word and its lanes that are visible, cycle by cycle; clear forgets words under way.
reg [LATENCY:1] came = 0;
reg [LATENCY:1][LANES-1:0] visible_at;
reg was_clear = 0;
always @(posedge clk) begin
    came <= clear ? 0 : {came[LATENCY-1:1], word_valid};
    visible_at <= {visible_at[LATENCY-1:1], visible};
    was_clear <= was_clear || clear;
end
// Lane i of a word is s cycles behind its choice s + 1 + i cycles after the word.
reg are_apart, holds_mask, compares, weighs, moves, is_masked;
reg [7:0] compared_lane, weighed_lane;
wire [LANES+5:1] moving = {unit_softmax_weighing_exponential_is_visible_2_q,
    unit_softmax_weighing_exponential_is_visible_1_q, comparison_visible};
wire [LANES-1:0][WEIGHT_BITS-1:0] weights_then = {unit_softmax_weighing_exponential_weight_q,
    collected};
integer i, s;
always @* begin
    are_apart = 1;
    for (s = 1; s < LANES; s = s + 1) if ((came & (came >> s)) != 0) are_apart = 0;
    {holds_mask, moves, is_masked, compares, weighs} = 5'b11100;
    {compared_lane, weighed_lane} = 0;
    for (i = 0; i < LANES; i = i + 1) begin
        if (came[1+i] && unit_softmax_comparison_are_visible_q != visible_at[1+i]) holds_mask = 0;
        if (came[1+i]) {compares, compared_lane} = {1'b1, i[7:0]};
        if (came[LANES+5+i]) {weighs, weighed_lane} = {1'b1, i[7:0]};
        for (s = 1; s <= LANES + 5; s = s + 1)
            if (came[s+1+i] && moving[s] != visible_at[s+1+i][i]) moves = 0;
        if (came[LANES+7+i] && !visible_at[LANES+7+i][i]
            && unit_softmax_weighing_exponential_is_counted_q) moves = 0;
        // The weight, and those that were collected: the last lane first.
        for (s = 0; s < LANES; s = s + 1)
            if (LANES + 8 + s + i <= LATENCY) if (came[LANES+8+s+i]
                && !visible_at[LANES+8+s+i][i] && weights_then[LANES-1-s] != 0) is_masked = 0;
    end
end
integer j;
reg is_zero;
always @* begin
    is_zero = 1;
    for (j = 0; j < LANES; j = j + 1)
        if (!visible_at[LATENCY][j] && out_weights[16*j +: 16] != 0) is_zero = 0;
end
always @(posedge clk) if (was_clear) begin
    invariant_since: assert (since != 0 && came[LANES:1] == (since <= LANES ? 1 << (since - 1) : 0));
    invariant_apart: assert (are_apart);
    invariant_mask: assert (holds_mask);
    invariant_compares: assert (unit_softmax_comparison_is_counting_q == compares && unit_softmax_comparison_lane_q == compared_lane);
    invariant_weighs: assert (unit_softmax_weighing_is_counting_q == weighs && unit_softmax_weighing_lane_q == weighed_lane);
    invariant_control: assert (stages == came[LANES+4:LANES+1]);
    invariant_ends: assert (ends == came[LATENCY:LATENCY-2]);
    invariant_moves: assert (moves);
    invariant_masked: assert (is_masked);
    weights_come: assert (out_weights_valid == came[LATENCY]);
    if (out_weights_valid) zero_where_masked: assert (is_zero);
    some: cover (out_weights_valid && visible_at[LATENCY] == 4'b0110 && out_weights[31:16] == 7);
    next_word: cover (out_weights_valid && came[LATENCY-4] && visible_at[LATENCY] == 15
        && out_weights[15:0] == 3);
end
