// As the requantiser of attention is built: the shift is that of the value of its cycle and goes
// with it; a narrow result is limited to -127 .. 127; and there is a result without a limit, for
// values that fit. For any partial products low, middle and high.
localparam WIDE = 72;
wire [5:0] shift_then = shift_before[LATENCY];
wire is_narrow_then = is_narrow_before[1];
// A product of two numbers of PART_BITS bits.
wire signed [WIDE-1:0] low = unit_low_product_q_before[TAIL][2*PART_BITS-1:0];
wire signed [WIDE-1:0] middle = $signed(unit_middle_product_q_before[TAIL]);
wire signed [WIDE-1:0] high = $signed(unit_high_product_q_before[TAIL]);
wire signed [WIDE-1:0] product = low + (middle <<< PART_BITS) + (high <<< 2 * PART_BITS);
wire signed [WIDE-1:0] one = 1;
wire signed [WIDE-1:0] half = shift_then == 0 ? 0 : one <<< (shift_then - 6'd1);
wire signed [WIDE-1:0] quotient = (product + half) >>> shift_then;
wire signed [15:0] limit = is_narrow_then ? 16'sd127 : 16'sd32767;
wire signed [15:0] expected =
    quotient > limit ? limit : quotient < -limit ? -limit : quotient[15:0];
wire fits = quotient >= -(one <<< WIDE_BITS - 1) && quotient < one <<< WIDE_BITS - 1;
wire is_result = age >= LATENCY;

always @(posedge clk) begin
    if (is_result) is_exact: assert (out_result == expected);
    if (is_result && fits) is_logit: assert (out_wide == quotient[WIDE_BITS-1:0]);
    if (is_result) is_valid: assert (out_valid == (valid_before[LATENCY] && !(|clear_before)));
    if (is_result) is_announced: assert (out_is_coming
        == (valid_before[LATENCY-1] && !(|clear_before[LATENCY-1:1])));
    another_shift: cover (is_result && shift_before[LATENCY-1] != shift_then
        && shift_before[LATENCY-2] != shift_before[LATENCY-1] && quotient == 5);
    at_the_narrow_limit: cover (is_result && is_narrow_then && out_result == 16'hff81
        && quotient < -127);
    a_tie_of_logits: cover (is_result && shift_then == 9 && product[8:0] == 9'h100 && fits
        && quotient > 40000);
end
