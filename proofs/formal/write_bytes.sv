// Beats with strobes of docs/accelerator.md, section 8, LANES lanes, HEAD_BEATS = d / L. The checker
// counts for itself: beats of the word, beats of the burst, heads and beats of the head.
localparam DIM = LANES * HEAD_BEATS;
reg is_sending = 0;
// A word of STORE_KEY is looked at for a cycle before its beat is offered.
reg is_pausing = 0;
reg [7:0] number = 0;
reg [31:0] first, num_sent, num_heads;
reg [15:0] number_in_head;
wire is_sent = out_valid && ready;
wire is_store = !is_key && !is_value;
wire is_offering = is_sending && !is_pausing;
wire is_word_end = is_key || number == (is_value ? LANES - 1 : 1);
wire is_head_end = number_in_head == HEAD_BEATS - 1;
// STORE_KEY: word w is beat w mod (d / L) of head w div (d / L).
wire [31:0] address = first + (is_key ? DIM * num_heads + number_in_head : num_sent);
wire [LANES-1:0] strobe = is_value ? (lane < LANES ? 1 << lane : 0) : ~0;
reg [8*LANES-1:0] beat;
reg [8*LANES-1:0] written;
reg [7:0] value;
integer k;
always @* begin
    for (k = 0; k < LANES; k = k + 1) written[8*k +: 8] = {8{out_strobe[k]}};
    value = word[16*number +: 8];
    for (k = 0; k < LANES; k = k + 1) beat[8*k +: 8] = is_key ? word[16*k +: 8]
        : is_value ? value : word[8*LANES*number[0] + 8*k +: 8];
end
always @(posedge clk) begin
    is_pausing <= is_key && (start || is_sent);
    number <= reset || start || is_sent && is_word_end ? 8'd0 : number + is_sent;
    if (start) {first, num_sent, num_heads, number_in_head} <= {first_address, 32'd0, 32'd0, 16'd0};
    else if (is_sent) begin
        num_sent <= num_sent + 1;
        num_heads <= num_heads + is_head_end;
        number_in_head <= is_head_end ? 0 : number_in_head + 1;
    end
end
reg was_word_sent = 0, was_sending = 0, was_waiting = 0;
always @(posedge clk) begin
    was_waiting <= was_reset && !reset && out_valid && !ready;
    was_word_sent <= is_sent && is_word_end;
    was_sending <= is_sending;
end
always @(posedge clk) begin
    one_kind: assume (!is_key || !is_value);
    if (is_sending) begin
        kind_holds: assume ({is_key, is_value, lane}
            == {is_key_before[1], is_value_before[1], lane_before[1]});
        word_holds: assume (!was_sending || was_word_sent || word == word_before[1]);
    end
    if (was_reset) begin
        invariant_sending: assert (unit_is_sending_q == is_sending);
        invariant_number: assert (!is_sending || number <= (is_key ? 0 : is_value ? LANES - 1 : 1));
        invariant_head: assert (!is_sending || number_in_head < HEAD_BEATS);
        invariant_strobe: assert (!is_sending || unit_strobe_q == strobe);
        invariant_ahead: assert (!is_sending || !is_value || unit_lane_ahead_q == (number == LANES - 1 ? 1 : 2 << number));
        invariant_byte: assert (!is_sending || !is_value || number == 0 || unit_byte_ahead_q == value);
        invariant_address: assert (!is_sending || out_address == address);
        if (is_offering) exactly_the_bytes: assert (out_strobe == strobe);
        if (was_waiting && !reset) strobe_is_kept: assert (out_strobe == out_strobe_before[1]);
        if (is_offering) stored_is_written: assert (out_stored == (out_data & written));
    end
    second_head: cover (was_reset && is_sent && is_key && num_heads == 1);
    last_value: cover (was_reset && is_sent && is_value && number == LANES - 1 && lane == 2);
    no_value: cover (was_reset && is_sent && is_value && number == 1 && lane == LANES);
    key_after_pause: cover (was_reset && is_pausing && is_sending && num_sent == 1 && stop);
    second_store: cover (was_reset && is_sent && is_store && num_sent == 3);
end
