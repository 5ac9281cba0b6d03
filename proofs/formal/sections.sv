// Body of the checker of sections; `make_frame` declares what it reads, of one slot, `slot`.
wire [C-1:0] sent = offered & ~full;
wire is_own = dispatcher_is_held & (held_slot == slot);
wire ends_section = |sent & is_own & held_is_last;

// Records are taken from the core with the lowest number first.
wire [C-1:0] taken;
genvar core;
generate for (core = 0; core < C; core = core + 1) begin : of_core
    assign taken[core] = records[core] & ((records & ((1 << core) - 1)) == 0)
        & (record_slots[core] == slot);
end endgenerate
wire is_taken = |taken;

// Sections of the slot that were sent and whose record was not taken.
reg [1:0] num_in_flight;
// Records that were taken in the last cycles.
reg [OPEN_CYCLES-1:1] ended;
// The instruction that is looked at has waited for one of them.
reg has_waited;
always @(posedge clk) begin
    num_in_flight <= reset ? 0 : num_in_flight + ends_section - is_taken;
    ended <= reset ? 0 : (ended << 1) | is_taken;
    has_waited <= ~reset & ~instruction_ready & (has_waited | is_own & (num_in_flight != 0));
end

// The instruction that is looked at is legal, for a core, and its predicate lets it pass.
wire is_right = dispatcher_is_fitting_q & dispatcher_is_admitted_q;
wire is_met = form_is_always
    | dispatcher_is_decided_q & (dispatcher_computes_q == form_is_if_compute);
wire is_wanted = is_own & ~error & is_right & form_is_for_core & is_met;

always @(posedge clk) if (was_reset) begin
    records_of_sections_only: assume (reset | ~is_taken | (num_in_flight != 0));
    one_section_in_flight: assert (num_in_flight <= 1);
    nothing_beside_a_section: assert (~(|offered & is_own) | (num_in_flight == 0));
    opens_when_the_record_is_taken: assert (~(is_wanted & (num_in_flight == 0) & (ended == 0)) | (|offered));
    invariant_closed: assert (closed[slot] == ((num_in_flight != 0) | ended[1]));
    invariant_ends: assert (is_ending == ended[1]);
    invariant_form: assert (~dispatcher_is_held | form_agrees);
    invariant_decided: assert (view_agrees);
    invariant_commits: assert ((scheduler_commit_slot_q <= scheduler_num_slots_q) & (scheduler_num_slots_q <= B));
    invariant_pointer: assert (scheduler_pointer_q < C);
    invariant_mapping: assert (~index_register[slot] | (mapping < C));
    invariant_drained: assert (~ended[1] | (num_in_flight == 0));
    invariant_view: assert (~dispatcher_is_held | (held_slot >= B) | (dispatcher_is_closed_q == closed[held_slot]));

    next_section_sent: cover (has_waited & is_own & (|sent));
    waits_for_a_record: cover (is_wanted & ~|offered & (num_in_flight == 1) & is_taken);
    section_of_the_last_core: cover (ends_section & sent[C-1]);
end
