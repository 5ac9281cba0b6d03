// Beats of STORE: the lower half of a word, then the upper one, addresses one by one.
reg is_sending = 0;
reg is_upper = 0;
reg [31:0] address = 0;
wire is_sent = out_valid && ready;
wire is_offering = is_sending;
wire is_word_end = is_upper;
wire [31:0] beat = is_upper ? word[63:32] : word[31:0];
always @(posedge clk) begin
    is_upper <= reset || start ? 1'b0 : is_upper ^ is_sent;
    address <= start ? first_address : address + is_sent;
end
