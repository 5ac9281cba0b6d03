// sat16(floor((product + half) / 2^shift)), half = 2^(shift - 1), 0 if shift = 0, for any partial
// products low, middle and high.
localparam WIDE = 72;
wire [5:0] shift_then = shift_before[TAIL];
// A product of two numbers of PART_BITS bits.
wire signed [WIDE-1:0] low = unit_low_product_q_before[TAIL][2*PART_BITS-1:0];
wire signed [WIDE-1:0] middle = $signed(unit_middle_product_q_before[TAIL]);
wire signed [WIDE-1:0] high = $signed(unit_high_product_q_before[TAIL]);
wire signed [WIDE-1:0] product = low + (middle <<< PART_BITS) + (high <<< 2 * PART_BITS);
wire signed [WIDE-1:0] one = 1;
wire signed [WIDE-1:0] half = shift_then == 0 ? 0 : one <<< (shift_then - 6'd1);
wire signed [WIDE-1:0] quotient = (product + half) >>> shift_then;
wire signed [15:0] expected =
    quotient > 32767 ? 16'sd32767 : quotient < -32767 ? -16'sd32767 : quotient[15:0];
integer k;
reg is_constant;
always @* begin
    is_constant = 1;
    for (k = 1; k < TAIL; k = k + 1) is_constant = is_constant & (shift_before[k] == shift_then);
end
wire is_result = age >= TAIL && is_constant;

always @(posedge clk) begin
    if (is_result) is_exact: assert (out_result == expected);
    if (age >= LATENCY) is_valid: assert (out_valid == (valid_before[LATENCY] && !(|clear_before)));
    a_tie: cover (is_result && shift_then == 9 && product[8:0] == 9'h100);
    at_the_limit: cover (is_result && age >= LATENCY && out_valid && out_result == 16'h8001);
end
