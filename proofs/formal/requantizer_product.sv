// The products of the accumulator's three parts, each in the bits of its register.
wire [ACCUMULATOR_BITS-1:0] accumulator_then = accumulator_before[1];
wire signed [MULTIPLIER_BITS:0] multiplier_then = {1'b0, multiplier_before[1]};
wire signed [PART_BITS:0] low = {1'b0, accumulator_then[PART_BITS-1:0]};
wire signed [PART_BITS:0] middle = {1'b0, accumulator_then[2*PART_BITS-1:PART_BITS]};
wire signed [ACCUMULATOR_BITS-2*PART_BITS-1:0] high =
    accumulator_then[ACCUMULATOR_BITS-1:2*PART_BITS];
wire signed [LOW_BITS-1:0] low_product = low * multiplier_then;
wire signed [MIDDLE_BITS-1:0] middle_product = middle * multiplier_then;
wire signed [HIGH_BITS-1:0] high_product = high * multiplier_then;

always @(posedge clk) begin
    if (age >= 1) begin
        low_is_product: assert ($signed(unit_low_product_q) == low_product);
        middle_is_product: assert ($signed(unit_middle_product_q) == middle_product);
        high_is_product: assert ($signed(unit_high_product_q) == high_product);
    end
    a_product: cover (age >= 1 && multiplier_then == 3 && unit_high_product_q == -21);
end
