// Rules of docs/accelerator.md, section 4, for the write channel of a core. The checker counts for
// itself: is_sending, num_open (not yet acknowledged) and is_stale (sent before a reset). Reset
// forgets no open beat, only `forget` does. What stands in front of this says which beat is due:
// is_offering, is_word_end, address and beat.
reg is_stale = 0;
reg [16:0] num_open = 0;
wire is_acknowledged = acknowledge_valid && num_open != 0;
wire [16:0] num_open_next = num_open + is_sent - is_acknowledged;
wire is_last_sent = is_sent && (stop || is_word_end && is_last_word)
    || is_sending && !is_offering && stop;
reg was_reset_before = 0;
always @(posedge clk) was_reset_before <= was_reset;
wire is_waiting_before = was_reset_before && out_valid_before[1]
    && !ready_before[1] && !reset_before[1];
always @(posedge clk) begin
    is_sending <= reset ? 1'b0 : start ? 1'b1 : is_last_sent ? 1'b0 : is_sending;
    num_open <= forget ? 17'd0 : num_open_next;
    is_stale <= !forget && num_open_next != 0 && (reset || is_stale);
end
wire is_end = !is_sending && acknowledge_valid && num_open == 1 && !is_stale;

always @(posedge clk) begin
    first_reset_forgets: assume (was_reset || !reset || forget);
    if (was_reset) core_sends_at_most_65535: assume (!(num_open == 65535 && is_sent && !is_acknowledged));
    if (was_reset && !reset) begin
        only_reset_forgets: assume (!forget);
        core_starts_when_idle: assume (!start || !is_sending && num_open - acknowledge_valid == 0);
        core_keeps_its_word: assume (!is_waiting_before || word == word_before[1]);
        memory_acknowledges_beats_only: assume (!acknowledge_valid || num_open != 0);
    end
    if (was_reset) begin
        invariant_count: assert (num_open == unit_num_open_q);
        invariant_some: assert (unit_has_open_q == (num_open != 0));
        invariant_one: assert (unit_has_one_open_q == (num_open == 1));
        invariant_limit: assert (num_open <= 65535);
        invariant_half: assert (!is_sending || unit_is_upper_q == is_word_end);
        valid_while_sending: assert (out_valid == is_offering);
        if (is_offering) addresses_follow: assert (out_address == address);
        if (is_offering) beats_follow: assert (out_data == beat);
        if (is_waiting_before && !reset) beat_is_kept: assert (out_valid && out_address == out_address_before[1] && out_data == out_data_before[1]);
        sent_once: assert (out_is_beat_sent == is_sent);
        word_sent_with_upper_beat: assert (out_is_word_sent == (is_sent && is_word_end));
        done_with_last_acknowledgement: assert (out_is_done == (is_end && !acknowledge_error));
        errors_are_told: assert (out_is_error == (is_acknowledged && acknowledge_error && !is_stale));
        stale_until_acknowledged: assert (out_is_stale == is_stale && (!is_stale || num_open != 0 && !is_sending));
        open_until_acknowledged: assert (out_is_open == (is_sending || num_open != 0 && !is_stale));
        stalls_are_waits: assert (out_is_stalled == (is_offering ? !ready : !is_sending && num_open != 0 && !is_stale && !is_end));
    end
    a_burst_is_done: cover (was_reset && out_is_done && age >= 7);
    a_wait: cover (was_reset && is_waiting_before && is_word_end);
    a_start_at_the_end: cover (was_reset && start && is_end);
    a_stale_acknowledgement: cover (was_reset && is_stale && is_acknowledged && num_open == 1 && !reset);
    a_beat_in_a_reset: cover (was_reset && reset && !forget && is_sent);
    a_full_channel: cover (was_reset && num_open == 2 && is_sent && acknowledge_valid);
end
