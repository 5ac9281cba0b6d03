// Body of the checker of the scheduler; `make_frame` declares what it reads.
wire begins = dispatcher_is_begin & ~reset;
wire forget = reset | dispatcher_is_begin;
wire commits = decision_valid & ~forget;
wire maps = commits & decision_computes;

// What BEGIN said, and what was committed since.
reg [5:0] num_slots, num_commits, num_rounds;
reg [4:0] turn, first_turn;
reg is_static;
reg [C-1:0][5:0] loads;
reg is_committed, computes;
reg [4:0] core;

// A layer that flows goes on with the turns of the one before.
wire [4:0] first = HAS_SECTIONS ? first_turn : 0;
wire takes_turn = decision_valid & decision_computes;
wire [4:0] next_turn = ~takes_turn ? turn : turn == C - 1 ? 0 : turn + 1;

always @(posedge clk) begin
    if (reset) num_slots <= 0;
    else if (begins) num_slots <= held_rows[5:0];
    if (reset) is_static <= 0;
    else if (begins) is_static <= held_shift[0];
    num_commits <= forget ? 0 : num_commits + decision_valid;
    if (reset | begins & ~is_flowing) {turn, first_turn} <= 0;
    else begin
        turn <= next_turn;
        if (begins) first_turn <= next_turn;
    end
    if (forget) num_rounds <= 0;
    else if (maps & (turn == C - 1)) num_rounds <= num_rounds + 1;
    is_committed <= ~forget & (is_committed | decision_valid & (decision_slot == slot));
    if (commits & (decision_slot == slot)) begin
        computes <= decision_computes;
        core <= decision_core;
    end
end

(* anyconst *) reg [4:0] any_left, any_right;
wire [4:0] left = any_left % C, right = any_right % C;
wire [5:0] left_load = loads[left], right_load = loads[right];

genvar number;
generate for (number = 0; number < C; number = number + 1) begin : of_core
    always @(posedge clk) begin
        if (forget) loads[number] <= 0;
        else if (maps & (decision_core == number)) loads[number] <= loads[number] + 1;
    end
end endgenerate

always @(posedge clk) if (was_reset) begin
    // The claims.
    commits_in_slot_order: assert (~decision_valid | (decision_slot == num_commits));
    commits_slots_of_the_run: assert (~decision_valid | (num_commits < num_slots));
    commits_a_slot_once: assert (~(decision_valid & (decision_slot == slot) & is_committed));
    maps_round_robin: assert (~(decision_valid & decision_computes & ~is_static) | (decision_core == turn));
    maps_statically: assert (~(decision_valid & is_static) | (decision_core == decision_slot % C));
    replays_on_its_own_core: assert (~(decision_valid & ~decision_computes) | (decision_core == decision_slot % C));
    core_exists: assert (~decision_valid | (decision_core < C));
    loads_differ_by_one: assert (is_static | (left_load <= right_load + 1));
    index_valid_is_kept: assert (index_valid_register[slot] == is_committed);
    index_is_kept: assert (index_register[slot] == (is_committed & computes));
    mapping_is_kept: assert (~(is_committed & computes) | (mapping == core));
    // What carries the induction.
    invariant_form: assert (~dispatcher_is_held | form_agrees);
    invariant_view: assert (view_agrees);
    invariant_slots_fit: assert (num_slots <= B);
    invariant_commits_fit: assert (num_commits <= num_slots);
    invariant_committed_slots: assert (is_committed == (slot < num_commits));
    invariant_slots_follow: assert (scheduler_num_slots_q == num_slots);
    invariant_commits_follow: assert (scheduler_commit_slot_q == num_commits);
    invariant_mode_follows: assert (scheduler_is_static_q == is_static);
    invariant_pointer_follows: assert ((scheduler_pointer_q == turn) & (turn < C));
    invariant_left_load_follows: assert (is_static | (left_load == num_rounds + (left < turn) - (left < first)));
    invariant_right_load_follows: assert (is_static | (right_load == num_rounds + (right < turn) - (right < first)));
    invariant_rounds_fit: assert (num_rounds <= num_commits);

    static_run: cover (commits & is_static & (decision_slot == 1));
    all_slots_of_a_run: cover ((num_slots == 4) & (num_commits == 4));
    computes_and_replays: cover ((num_commits == 2) & index_register[1] & ~index_register[0]);
    maps_to_the_last_core: cover (maps & (decision_core == LAST_MAPPED) & ~is_static);
end
