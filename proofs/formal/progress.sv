// Body of the checker of progress; `make_task` declares what it reads, one bit for each core.
wire [C-1:0] dropping = {C{error}} | failed;
wire [C-1:0] queued, finishing, forgetting, late;

// LIMIT is any number: no instruction runs longer than this in its core.
(* anyconst *) reg [31:0] LIMIT;

// Cycles for which each instruction runs, and for which a queue hides its head.
reg [C-1:0][31:0] ages;
reg [C-1:0][1:0] hidden;

genvar core;
generate for (core = 0; core < C; core = core + 1) begin : of_core
    assign queued[core] = num_queued[core] != 0;
    assign finishing[core] = running[core] & done_now[core] & ~dropping[core];
    assign forgetting[core] = dropping[core] & (queued[core] | running[core] & ~transfer_open[core]);
    assign late[core] = running[core] & (ages[core] == LIMIT) & (~done_now[core] | transfer_open[core]);
    always @(posedge clk) begin
        ages[core] <= reset | ~running[core] | finishing[core] ? 0 : ages[core] + 1;
        hidden[core] <= reset | dropping[core] | head_valid[core] | ~queued[core] ? 0 : hidden[core] + 1;
    end
end endgenerate

// Something progresses.
reg was_held, was_error;
wire leaves = was_held & ~dispatcher_is_held;
wire stops = error & ~was_error;
wire accepts = instruction_valid & instruction_ready;
wire passes = dispatcher_is_held & instruction_ready;
wire event_now = leaves | stops | accepts | passes | arriving | decision_valid | retire_valid
    | |starting | |finishing | |forgetting;
// Nothing is asked for, or memory still owes answers from before a reset.
wire is_busy = |queued | |running;
wire rests = ~dispatcher_is_held & (~instruction_valid | is_draining) & ~is_busy;
// Cycles since something progressed.
reg [32:0] stalled;
always @(posedge clk) begin
    was_held <= dispatcher_is_held & ~reset;
    was_error <= error;
    stalled <= reset | event_now | rests ? 0 : stalled + 1;
end

// What carries the induction, for each core.
wire [C-1:0] runs_well, waits_well, counts_well, shows_well;
generate for (core = 0; core < C; core = core + 1) begin : carried
    wire [6:0] total = num_stored[core] + head_valid[core] + next_valid[core];
    assign runs_well[core] = ~running[core] | (stalled <= ages[core]) & (ages[core] <= LIMIT);
    assign waits_well[core] = running[core] | ~queued[core] | (stalled <= hidden[core]);
    assign counts_well[core] = (num_queued[core] == total) & (total <= DEPTH)
        & (has_any[core] == queued[core]);
    assign shows_well[core] = (hidden[core] == 0) | (hidden[core] == 2) & head_valid[core]
        | (hidden[core] == 1) & (head_valid[core] | next_valid[core]);
end endgenerate

always @(posedge clk) if (was_reset) begin
    memory_is_fair: assume (~|late);
    something_progresses: assert ((stalled <= LIMIT) | (stalled <= 2));
    an_idle_machine_progresses_at_once: assert (is_busy | (stalled == 0) | (stalled == 1) & event_now);
    invariant_draining: assert (~is_draining | ~dispatcher_is_held_q);
    invariant_form: assert (~dispatcher_is_held | form_agrees);
    invariant_view: assert (view_agrees);
    invariant_commits: assert ((scheduler_commit_slot_q <= scheduler_num_slots_q) & (scheduler_num_slots_q <= B));
    invariant_running: assert (&runs_well);
    invariant_queued: assert (&waits_well);
    invariant_numbers: assert (&counts_well);
    invariant_hidden: assert (&shows_well);

    longest_wait: cover ((LIMIT == 4) & (stalled == 4));
    full_queue_waits: cover ((num_queued[0] == DEPTH) & dispatcher_is_held & ~instruction_ready);
    waits_for_a_decision: cover (dispatcher_is_held & (held_predicate == IF_COMPUTE) & (stalled == 1));
    stopped_and_done: cover (error & done);
    ended: cover (done & ~error & leaves);
end
