// Template of the exported testbench; cosim/export/testbench.py fills in what stands behind a dollar sign
// and leaves out these lines.

$tags
// Self-checking testbench of the FastCar accelerator.
// Recorded: $description.
// Everything expected comes from the integer reference and the cycle model of the project.
// The last line is PASS or FAIL, after FAIL the exit code is not 0. +wave writes fastcar.vcd.
// +reset=N resets the accelerator alone after N cycles, while the memory goes on answering, and
// runs the program from its start.

`default_nettype none

// The memory's side of one channel: answers LATENCY cycles after a request or write, one beat in
// every cycle, never stalls. What is not valid is unknown.
module fastcar_memory_channel #(
    parameter BEAT_BITS = 32,
    parameter LATENCY = 1
) (
    input  wire                 clk,
    input  wire                 reset,
    input  wire                 read_request_valid,
    output wire                 read_request_ready,
    input  wire [31:0]          read_request_address,
    input  wire [15:0]          read_request_num_beats,
    output wire                 read_response_valid,
    input  wire                 read_response_ready,
    output wire [BEAT_BITS-1:0] read_response_data,
    output wire                 read_response_error,
    input  wire                 write_valid,
    output wire                 write_ready,
    output wire                 write_acknowledge_valid,
    output wire                 write_acknowledge_error,
    output wire [31:0]          read_address,
    input  wire [BEAT_BITS-1:0] read_beat
);
    reg [31:0] address_q;
    reg [15:0] beats_left_q;
    reg [15:0] wait_q;
    reg [LATENCY-1:0] acknowledges_q;
    integer stage;

    assign read_address = address_q;
    assign read_request_ready = 1'b1;
    assign read_response_valid = beats_left_q != 16'd0 && wait_q == 16'd0;
    assign read_response_data = read_response_valid ? read_beat : {BEAT_BITS{1'bx}};
    assign read_response_error = read_response_valid ? 1'b0 : 1'bx;
    assign write_ready = 1'b1;
    assign write_acknowledge_valid = acknowledges_q[LATENCY-1];
    assign write_acknowledge_error = write_acknowledge_valid ? 1'b0 : 1'bx;

    always @(posedge clk) begin
        acknowledges_q[0] <= write_valid;
        for (stage = 1; stage < LATENCY; stage = stage + 1)
            acknowledges_q[stage] <= acknowledges_q[stage-1];
        if (wait_q != 16'd0) wait_q <= wait_q - 16'd1;
        if (read_response_valid && read_response_ready) begin
            address_q <= address_q + 32'd1;
            beats_left_q <= beats_left_q - 16'd1;
        end
        if (read_request_valid) begin
            address_q <= read_request_address;
            beats_left_q <= read_request_num_beats;
            wait_q <= LATENCY[15:0] - 16'd1;
        end
        if (reset) begin
            beats_left_q <= 16'd0;
            wait_q <= 16'd0;
            acknowledges_q <= {LATENCY{1'b0}};
        end
    end
endmodule

module fastcar_testbench;
    localparam LATENCY = $latency_cycles;
    localparam BEAT_BITS = $beat_bits;
    localparam NUM_BEATS = $num_beats;
    localparam NUM_INSTRUCTIONS = $num_instructions;
    localparam NUM_DECISIONS = $num_decisions;
    localparam NUM_RETIRES = $num_retires;
    localparam NUM_COUNTERS = $num_counters;
    localparam DECISION_BITS = $decision_bits;
    localparam RETIRE_BITS = $retire_bits;
    localparam LIMIT_CYCLES = $limit_cycles;

    reg [127:0] program_words [0:NUM_INSTRUCTIONS-1];
    reg [BEAT_BITS-1:0] memory [0:NUM_BEATS-1];
    reg [BEAT_BITS-1:0] expected_memory [0:NUM_BEATS-1];
    reg [DECISION_BITS-1:0] expected_decisions [0:NUM_DECISIONS-1];
    reg [RETIRE_BITS-1:0] expected_retires [0:NUM_RETIRES-1];
    reg [47:0] expected_counters [0:NUM_COUNTERS-1];

    reg clk;
    reg reset;
    reg memory_reset;
    integer reset_after;
    integer cycle;
    integer num_accepted;
    integer num_decisions;
    integer num_retires;
    integer num_failures;
    integer place;

    wire instruction_valid = !reset && num_accepted < NUM_INSTRUCTIONS;
    wire [127:0] instruction = instruction_valid ? program_words[num_accepted] : {128{1'bx}};
$declarations

    $module_name accelerator (
$connections
    );

$channels

    wire [DECISION_BITS-1:0] decision = {$decision_ports};
    wire [RETIRE_BITS-1:0] retire = {$retire_ports};

    task check_counter(input integer number, input [47:0] found, input [8*40-1:0] name);
        if (found !== expected_counters[number]) begin
            $$display("%0s: %0d, expected %0d", name, found, expected_counters[number]);
            num_failures = num_failures + 1;
        end
    endtask

    task check_memory;
        for (place = 0; place < NUM_BEATS; place = place + 1)
            if (memory[place] !== expected_memory[place]) begin
                $$display("memory beat %0d: %h, expected %h", place, memory[place],
                         expected_memory[place]);
                num_failures = num_failures + 1;
            end
    endtask

    task finish;
        begin
            if (num_failures == 0) begin
                $$display("PASS: %0d decisions, %0d retirements, %0d beats, %0d cycles",
                         num_decisions, num_retires, NUM_BEATS, counter_cycles);
                $$finish;
            end else begin
                $$display("FAIL: %0d differences", num_failures);
                $$fatal(1);
            end
        end
    endtask

    initial begin
        $$readmemh("program.hex", program_words);
        $$readmemh("memory.hex", memory);
        $$readmemh("memory.hex", expected_memory);
        $$readmemh("expected_memory.hex", expected_memory);
        $$readmemh("expected_decisions.hex", expected_decisions);
        $$readmemh("expected_retires.hex", expected_retires);
        $$readmemh("expected_counters.hex", expected_counters);
        if ($$test$$plusargs("wave")) begin
            $$dumpfile("fastcar.vcd");
            $$dumpvars(0, fastcar_testbench);
        end
        cycle = 0;
        num_accepted = 0;
        num_decisions = 0;
        num_retires = 0;
        num_failures = 0;
        clk = 1'b0;
        reset = 1'b1;
        #12 reset = 1'b0;  // Behind the first rising edge.
        if ($$value$$plusargs("reset=%d", reset_after)) begin
            repeat (reset_after) #10;
            reset = 1'b1;
            #10 reset = 1'b0;
            cycle = 0;
            num_accepted = 0;
            num_decisions = 0;
            num_retires = 0;
            $$readmemh("memory.hex", memory);
        end
    end

    // At power-up alone.
    initial begin
        memory_reset = 1'b1;
        #12 memory_reset = 1'b0;
    end

    always #5 clk = !clk;

    always @(posedge clk)
        if (!reset) begin
            cycle <= cycle + 1;
            if (instruction_valid && instruction_ready) num_accepted <= num_accepted + 1;
            if (decision_valid !== 1'b0) begin
                if (num_decisions >= NUM_DECISIONS ||
                    decision !== expected_decisions[num_decisions]) begin
                    $$display("decision %0d, cycle %0d: %h, expected %h", num_decisions, cycle,
                             decision, expected_decisions[num_decisions]);
                    num_failures = num_failures + 1;
                end
                num_decisions = num_decisions + 1;
            end
            if (retire_valid !== 1'b0) begin
                if (num_retires >= NUM_RETIRES || retire !== expected_retires[num_retires]) begin
                    $$display("retirement %0d, cycle %0d: %h, expected %h", num_retires, cycle,
                             retire, expected_retires[num_retires]);
                    num_failures = num_failures + 1;
                end
                num_retires = num_retires + 1;
            end
            if (cycle > LIMIT_CYCLES) begin
                $$display("not done after %0d cycles", cycle);
                num_failures = num_failures + 1;
                finish;
            end else if (done === 1'b1 && num_accepted == NUM_INSTRUCTIONS) begin
                if (error !== 1'b0) begin
                    $$display("error %0d at instruction %h", error_code, error_instruction);
                    num_failures = num_failures + 1;
                end
                if (num_decisions != NUM_DECISIONS || num_retires != NUM_RETIRES) begin
                    $$display("%0d decisions and %0d retirements, expected %0d and %0d",
                             num_decisions, num_retires, NUM_DECISIONS, NUM_RETIRES);
                    num_failures = num_failures + 1;
                end
$counter_checks
                check_memory;
                finish;
            end
        end
endmodule

`default_nettype wire
