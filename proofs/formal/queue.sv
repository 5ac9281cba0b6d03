// Body of the checker of one core's instruction queue; `make_task` declares what it reads.
wire clear = reset | is_stopped | is_failed;
wire is_ready = num_queued != DEPTH;
wire push = valid & is_ready & ~clear;
wire pops = pop & ~clear;

// One instruction, chosen in any cycle, and how many were pushed before it and are not taken yet.
(* anyseq *) reg chooses;
reg is_tagged = 0;
reg [BITS:0] ahead;
reg [127:0] tag;
// The tagged instruction was taken in the cycle before.
reg was_taken = 0;
// Cycles for which something is queued and nothing at the head.
reg [2:0] hidden;
wire takes_tag = pops & is_tagged & (ahead == 0);

always @(posedge clk) begin
    if (clear | takes_tag) is_tagged <= 0;
    else if (push & ~is_tagged & chooses) begin
        is_tagged <= 1;
        ahead <= num_queued - pops;
        tag <= payload;
    end else if (is_tagged) ahead <= ahead - pops;
    was_taken <= takes_tag;
    hidden <= clear | head_valid | (num_queued == 0) ? 0 : hidden + 1;
end

// Where the tagged instruction must be: at the head, in the register behind it, or in the memory.
wire [BITS:0] num_outside = head_valid + next_valid;
// Wide enough not to wrap around where the queue has two places.
wire [BITS+1:0] num_all = num_stored + num_outside;
wire [BITS-1:0] place = read_pointer + ahead - num_outside;
wire [127:0] found = (ahead == 0) & head_valid ? head
    : ahead < num_outside ? next : words[place];

always @(posedge clk) if (was_reset) begin
    first_in_is_first_out: assert (~takes_tag | (head == tag));
    taken_is_executed: assert (~was_taken | (running_instruction == tag));
    takes_what_is_there: assert (~pop | (num_queued != 0) & head_valid);
    never_overflows: assert (num_queued <= DEPTH);
    never_loses: assert (~is_tagged | (ahead < num_queued));
    says_whether_it_is_empty: assert (has_any == (num_queued != 0));
    shows_in_three_cycles: assert (hidden <= 2);
    invariant_numbers: assert ((num_queued == num_all) & (num_stored <= DEPTH));
    invariant_pointers: assert (write_pointer == read_pointer + num_stored[BITS-1:0]);
    invariant_value: assert (~is_tagged | (found == tag));
    invariant_hidden: assert ((hidden == 0) | head_valid | (hidden == 1) & next_valid);

    full: cover (num_queued == DEPTH);
    refused: cover (valid & ~is_ready & ~reset);
    taken_after_others: cover (was_taken & (num_queued != 0) & (write_pointer == 1));
    cleared: cover (was_reset & clear & ~reset & is_tagged);
end
