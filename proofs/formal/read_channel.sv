// Rules of docs/accelerator.md, section 4, for the read channel of a core. The checker counts for
// itself: is_pending (a request is started, not yet taken), num_open (beats not yet answered) and
// is_stale (they were asked for before a reset). Reset forgets no open beat, only `forget` does.
reg is_pending = 0;
reg is_stale = 0;
reg [16:0] num_open = 0;
wire is_requested = out_request_valid && request_ready;
wire is_answered = response_valid && out_response_ready;
wire [16:0] num_open_next = num_open + (is_requested ? num_beats : 17'd0) - is_answered;
always @(posedge clk) begin
    is_pending <= reset ? 1'b0 : start ? 1'b1 : is_requested ? 1'b0 : is_pending;
    num_open <= forget ? 17'd0 : num_open_next;
    is_stale <= !forget && num_open_next != 0 && (reset || is_stale);
end
reg was_reset_before = 0;
always @(posedge clk) was_reset_before <= was_reset;
wire is_waiting_before = was_reset_before && out_request_valid_before[1]
    && !request_ready_before[1] && !reset_before[1];
wire is_kept = address == address_before[1] && num_beats == num_beats_before[1];

always @(posedge clk) begin
    first_reset_forgets: assume (was_reset || !reset || forget);
    if (was_reset) core_requests_a_beat: assume (!out_request_valid || num_beats != 0);
    if (was_reset && !reset) begin
        only_reset_forgets: assume (!forget);
        core_starts_when_idle: assume (!start || !is_pending && num_open - is_answered == 0);
        core_keeps_its_request: assume (!is_waiting_before || is_kept);
        memory_answers_requests_only: assume (!response_valid || num_open != 0);
    end
    if (was_reset) begin
        invariant_counts: assert (num_open == (out_response_ready ? unit_num_beats_open_q : 0));
        invariant_zero: assert (out_response_ready == (unit_num_beats_open_q != 0));
        request_follows_start: assert (out_request_valid == is_pending);
        request_is_the_cores: assert (out_request_address == address && out_request_num_beats == num_beats);
        ready_while_beats_are_open: assert (out_response_ready == (num_open != 0));
        one_request_is_open: assert (!(out_request_valid && num_open != 0));
        every_beat_is_taken_once: assert ((out_is_beat ^ out_is_error) == (is_answered && !is_stale) && !(out_is_beat && out_is_error));
        errors_are_told: assert (out_is_error == (is_answered && response_error && !is_stale));
        stale_until_the_last_beat: assert (out_is_stale == is_stale && (!is_stale || num_open != 0));
        open_until_the_last_beat: assert (out_is_open == (is_pending || num_open != 0 && !is_stale));
        stalls_are_waits: assert (out_is_stalled == (is_pending && !request_ready || num_open != 0 && !is_stale && !response_valid));
        if (is_waiting_before && !reset) request_is_kept: assert (out_request_valid
            && out_request_address == address_before[1] && out_request_num_beats == num_beats_before[1]);
    end
    two_requests: cover (was_reset && age == 9 && is_pending && !num_open && is_waiting_before);
    a_start_with_the_last_beat: cover (was_reset && start && num_open == 1);
    a_long_answer: cover (was_reset && num_open == 65535 && is_answered);
    an_error: cover (was_reset && out_is_error);
    a_stale_beat: cover (was_reset && is_stale && is_answered && num_open == 1 && !reset);
    a_request_in_a_reset: cover (was_reset && reset && !forget && is_requested);
end
