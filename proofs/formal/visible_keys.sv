// Which keys of a word are visible, by their positions: the checker counts heads and blocks.
wire [4:0] first_lane = reserved[4:0];
wire [4:0] last_lane = reserved[9:5];
reg is_open = 0;
reg [7:0] head;
reg [15:0] block;
// Cycles since the last word, and whether an instruction holds.
reg [7:0] since = 255;
reg [63:0] says_before;
wire [63:0] says = {rows, columns, reserved};
wire is_block_end = word_valid && head == HEADS - 1;
wire is_end = is_block_end && block == rows - 1;
wire [19:0] first_position = first_lane;
wire [19:0] last_position = LANES * (rows - 20'd1) + last_lane;
reg [LANES-1:0] visible;
integer k;
always @* for (k = 0; k < LANES; k = k + 1)
    visible[k] = LANES * block + k >= first_position && LANES * block + k <= last_position;
always @(posedge clk) begin
    is_open <= clear ? 1'b0 : start ? 1'b1 : is_open && !is_end;
    head <= start || is_block_end ? 0 : head + word_valid;
    block <= start ? 0 : block + is_block_end;
    since <= clear ? 255 : word_valid ? 1 : since == 255 ? 255 : since + 1;
    says_before <= says;
end
always @(posedge clk) begin
    words_of_scores: assume (!word_valid || is_open && !start);
    words_apart: assume (!word_valid || since >= LANES);
    one_at_a_time: assume (!start || !is_open);
    instruction_holds: assume (!is_open || says == says_before);
    lanes_of_a_block: assume (rows != 0 && first_lane < LANES && last_lane < LANES);
end
reg had_word = 0;
reg [LANES-1:0] visible_then;
always @(posedge clk) begin
    had_word <= had_word || word_valid;
    if (word_valid) visible_then <= visible;
end
