// S' = (S >> (M' - M)) + (sum p << GUARD_BITS), with 0 for S behind a restart, word by word. A word
// has LANES weights, one in every cycle, lane 0 with is_first; num says how many came, 255: none.
reg [31:0] sum_then;
reg [7:0] num_then = 255;
wire [31:0] sum = is_first ? weight : sum_then + weight;
wire [7:0] num = is_first ? 1 : num_then == 255 ? 255 : num_then + 1;
localparam [31:0] LARGEST = (1 << WEIGHT_BITS) - 1;
// In the cycle in which S' is written: S, the word's sum and whether S counts.
wire [TOTAL_BITS-1:0] total = head ? unit_totals_1 : unit_totals_0;
reg is_restart_then;
wire [TOTAL_BITS-1:0] rescaled = is_restart_then ? 0 : total >> rescaling;
wire [TOTAL_BITS-1:0] following = rescaled + (sum_then << GUARD_BITS);
// One cycle later.
reg [TOTAL_BITS-1:0] following_then;
reg [2*TOTAL_BITS-1:0] words_then;
wire [TOTAL_BITS-1:0] written = head_before[1] ? unit_totals_1 : unit_totals_0;
reg [7:0] since = 0;
wire is_written = age >= 6 && out_is_written_before[1];

always @(posedge clk) begin
    sum_then <= sum;
    num_then <= num;
    is_restart_then <= is_restart;
    following_then <= following;
    words_then <= {unit_totals_1, unit_totals_0};
    since <= is_last ? 1 : since == 255 ? 255 : since + 1;

    words_of_lanes: assume (is_last == (num == LANES));
    no_word_is_longer: assume (num <= LANES || num == 255);
    words_apart: assume (!is_last || since >= LOOP);
    head_holds: assume (!is_last || head == head_before[1] && head == head_before[2]);
    word_holds: assume (!is_last_before[1]
        || head == head_before[1] && rescaling == rescaling_before[1]);

    invariant_sum: assert (num_then == 255 || unit_sum_q == sum_then);
    invariant_range: assert (num_then == 255 || num_then >= 1 && num_then <= LANES && sum_then <= num_then * LARGEST);
    if (age >= 6) comes: assert (out_is_written == (is_last_before[1] && !clear_before[1]));
    if (is_written) is_sum: assert (written == following_then);
    if (is_written && head_before[1])
        head_1_alone: assert (unit_totals_0 == words_then[TOTAL_BITS-1:0]);
    if (is_written && !head_before[1])
        head_0_alone: assert (unit_totals_1 == words_then[2*TOTAL_BITS-1:TOTAL_BITS]);
    if (age >= 6 && !out_is_written_before[1])
        nothing_else_is_written: assert ({unit_totals_1, unit_totals_0} == words_then);
    if (age >= 6) is_read: assert (out_reader_total == (reader_head_before[2]
        ? unit_totals_1_before[2] : unit_totals_0_before[2]));
    a_rise: cover (is_written && rescaling_before[1] == 7 && words_then[TOTAL_BITS-1:0] > 4096
        && !head_before[1] && following_then == (5 << GUARD_BITS) + 1);
    nothing_is_left: cover (is_written && rescaling_before[1] == 63 && sum_then != 0);
    a_restart: cover (is_written && following_then == 0 && head_before[1] && words_then != 0);
end
