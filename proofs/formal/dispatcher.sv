// Body of the checker of the dispatcher; `make_frame` declares what it reads.
wire begins = dispatcher_is_begin & ~reset;
wire forget = reset | dispatcher_is_begin;
wire accepts = instruction_valid & instruction_ready;
wire [C-1:0] sent = offered & ~full;

// The decision of `slot`, as it was committed.
reg is_committed, computes;
reg [4:0] core;
wire commits = decision_valid & (decision_slot == slot);
always @(posedge clk) begin
    is_committed <= ~forget & (is_committed | commits);
    if (commits & ~forget) begin
        computes <= decision_computes;
        core <= decision_core;
    end
end

// What the instruction that is looked at must become, if it is legal and belongs to `slot`.
wire is_for_core = held_opcode >= LOAD;
wire is_conditional = held_predicate != ALWAYS;
wire is_met = held_predicate == ALWAYS | is_committed & (computes == (held_predicate == IF_COMPUTE));
wire [4:0] target_core = held_predicate == IF_COMPUTE ? core : static_core;

// Rule 3 of the channels: ready follows from registers alone, so from nothing that the port offers.
wire is_right = dispatcher_is_fitting_q & dispatcher_is_admitted_q;
wire is_looking = dispatcher_is_held_q & ~dispatcher_is_drained_q & ~error;
wire knows_way = form_is_always | dispatcher_is_decided_q;
wire takes_way = form_is_always | (dispatcher_computes_q == form_is_if_compute);
wire [4:0] way = form_is_if_compute ? dispatcher_mapped_core_q : held_slot % C;
wire passes_core = form_is_for_core & knows_way & (~takes_way | ~is_locked & ~full[way]);
wire is_judged = held_slot == slot | ~(form_is_for_core & is_right);
wire ready_from_registers = ~is_draining & (~is_looking | is_right & (form_is_decide | passes_core));

// The cycle before: what was looked at, what was done with it, what was offered.
reg was_held, was_ready, was_accepting, was_stopped, was_clear, was_of_slot;
reg was_wanted, was_excluded, was_waiting, was_full;
reg was_begin, was_threshold, was_decide, was_core_error;
reg [127:0] last_instruction, last_accepted;
reg [C-1:0] last_offered, last_sent, last_wanted;
reg [4:0] last_opcode;
always @(posedge clk) begin
    was_held <= dispatcher_is_held & ~reset;
    was_ready <= instruction_ready;
    was_accepting <= accepts;
    was_stopped <= error;
    was_clear <= reset | error;
    was_of_slot <= held_slot == slot;
    was_wanted <= is_for_core & is_met & ~is_locked;
    was_excluded <= is_for_core & is_conditional & is_committed & ~is_met;
    was_waiting <= is_for_core & is_conditional & ~is_committed;
    was_full <= full[target_core];
    was_begin <= dispatcher_is_begin;
    was_threshold <= dispatcher_is_threshold;
    was_decide <= dispatcher_is_decide;
    was_core_error <= |core_errors;
    last_instruction <= dispatcher_instruction;
    last_accepted <= instruction;
    last_offered <= offered;
    last_sent <= sent;
    last_wanted <= 1 << target_core;
    last_opcode <= held_opcode;
end

// Whether the cycle before says what became of a legal instruction.
reg was_reset_before = 0;
always @(posedge clk) was_reset_before <= was_reset;
wire is_known = was_reset_before & was_held & ~was_clear & ~error;
wire was_drained = was_begin | was_threshold | (last_opcode == END) & done;
wire is_of_slot = is_known & was_of_slot & (last_opcode >= LOAD);

// Copies of the instruction that is looked at which went to a core.
reg [1:0] num_sent;
always @(posedge clk) begin
    if (reset | accepts) num_sent <= 0;
    else if (|sent) num_sent <= num_sent + 1;
end

always @(posedge clk) if (was_reset) begin
    // Predicate and mapping.
    computing_only_if_decided_so: assert (~(|sent & (held_slot == slot) & (held_predicate == IF_COMPUTE)) | is_committed & computes);
    computing_on_the_mapped_core: assert (~(|offered & (held_slot == slot) & (held_predicate == IF_COMPUTE)) | (offered == 1 << core));
    replaying_only_if_decided_so: assert (~(|sent & (held_slot == slot) & (held_predicate == IF_REPLAY)) | is_committed & ~computes);
    others_on_their_own_core: assert (~(|offered & (held_slot == slot) & (held_predicate != IF_COMPUTE)) | (offered == 1 << static_core));
    to_one_core: assert ((offered & (offered - 1)) == 0);
    only_core_instructions: assert (~|offered | dispatcher_is_held & is_for_core & ~error);
    // Fate of a legal instruction for a core: sent exactly once, dropped, or kept.
    wanted_is_offered: assert (~(is_of_slot & was_wanted) | (last_offered == last_wanted));
    wanted_passes_when_sent: assert (~(is_of_slot & was_wanted) | (was_ready == |last_sent) & (was_ready == ~was_full));
    excluded_is_dropped: assert (~(is_of_slot & was_excluded) | was_ready & (last_offered == 0));
    undecided_waits: assert (~(is_of_slot & was_waiting) | ~was_ready & (last_offered == 0));
    sent_at_most_once: assert (~|sent | (num_sent == 0));
    sent_when_it_leaves: assert (~|sent | instruction_ready);
    refused_is_not_sent: assert (~(was_reset_before & was_held & ~was_clear & error & ~was_core_error) | (last_offered == 0));
    // Fate of all others.
    begin_is_executed: assert (~(is_known & (last_opcode == BEGIN)) | (dispatcher_is_held == ~was_begin));
    threshold_is_executed: assert (~(is_known & (last_opcode == THRESHOLD)) | (dispatcher_is_held == ~was_threshold));
    decide_is_executed: assert (~(is_known & (last_opcode == DECIDE)) | was_ready & was_decide);
    only_begin_begins: assert (~dispatcher_is_begin | dispatcher_is_held & (held_opcode == BEGIN) & ~error);
    only_threshold_sets_it: assert (~dispatcher_is_threshold | dispatcher_is_held & (held_opcode == THRESHOLD) & ~error);
    only_decide_decides: assert (~dispatcher_is_decide | dispatcher_is_held & (held_opcode == DECIDE) & ~error);
    // The port: nothing is lost, changed or invented under back-pressure.
    accepted_is_held: assert (~(was_reset_before & was_accepting & ~was_clear) | dispatcher_is_held & (dispatcher_instruction == last_accepted));
    waiting_is_kept: assert (~(is_known & ~was_ready & ~was_drained) | dispatcher_is_held & (dispatcher_instruction == last_instruction));
    passed_is_gone: assert (~(was_reset_before & ~was_clear & was_ready & ~was_accepting) | ~dispatcher_is_held);
    ready_follows_from_registers: assert (~is_judged | (instruction_ready == ready_from_registers));
    draining_accepts_nothing: assert (~is_draining | ~instruction_ready);
    stopped_discards: assert (~error | (instruction_ready | is_draining) & (offered == 0));
    // What carries the induction.
    invariant_draining: assert (~is_draining | ~dispatcher_is_held_q);
    invariant_form: assert (~dispatcher_is_held | form_agrees);
    invariant_view: assert (view_agrees);
    invariant_index_valid: assert (index_valid_register[slot] == is_committed);
    invariant_index: assert (index_register[slot] == (is_committed & computes));
    invariant_mapping: assert (~(is_committed & computes) | (mapping == core) & (core < C));
    invariant_pointer: assert (scheduler_pointer_q < C);
    invariant_committed: assert (is_committed == (slot < scheduler_commit_slot_q));
    invariant_commits: assert ((scheduler_commit_slot_q <= scheduler_num_slots_q) & (scheduler_num_slots_q <= B));
    invariant_not_sent: assert (~dispatcher_is_held | (num_sent == 0));

    waiting_for_a_queue: cover (is_of_slot & was_wanted & was_full);
    computing_sent: cover (is_of_slot & was_wanted & |last_sent & computes & (core == LAST_MAPPED));
    replaying_sent: cover (is_of_slot & was_wanted & |last_sent & (slot != 0) & is_committed & ~computes);
    dropped: cover (is_of_slot & was_excluded);
    waiting_for_a_decision: cover (is_of_slot & was_waiting);
    refused: cover (was_held & ~was_clear & error & (error_code == 10));
    drained: cover (is_draining & instruction_valid);
    ended: cover (is_known & (last_opcode == END) & done);
end
