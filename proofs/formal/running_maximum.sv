// M' = max(M, largest octave of the word + 1), M' alone behind a restart, and min(M' - M, 63), for
// words of any length. The head's word of the memory is M.
function automatic is_octave(input signed [WIDTH-1:0] value);
    is_octave = value >= -32768 && value <= 32767 || value == NO_OCTAVE;
endfunction
wire signed [WIDTH-1:0] octave_now = $signed(octave);
reg signed [WIDTH-1:0] largest_then;
reg has_begun = 0;
wire has_first = has_begun || is_first;
wire signed [WIDTH-1:0] largest =
    is_first || octave_now > largest_then ? octave_now : largest_then;
// Behind the last lane.
reg [3:1][WIDTH-1:0] largest_before;
reg [3:1] has_first_before = 0;

wire is_ended = is_last_before[1] || is_last_before[2] || is_last_before[3];
wire signed [WIDTH:0] largest_of_word = $signed(largest_before[3]);
wire signed [WIDTH:0] needed = largest_of_word + 1;
wire signed [WIDTH:0] maximum = $signed(head ? unit_exponents_1 : unit_exponents_0);
wire signed [WIDTH:0] following =
    is_restart || needed > maximum ? needed : maximum;
// What is written, one cycle later.
reg signed [WIDTH:0] maximum_then;
reg signed [WIDTH:0] needed_then;
reg signed [WIDTH:0] following_then;
reg [2*WIDTH-1:0] words_then;
wire signed [WIDTH:0] exponent = $signed(out_exponent);
wire signed [WIDTH:0] word = $signed(head_before[1] ? unit_exponents_1 : unit_exponents_0);
wire signed [WIDTH:0] rise = exponent - maximum_then;
reg has_written = 0;
// The word before ended in a cycle of this run.
wire is_written = age >= 8 && out_is_coming_before[1] && has_written;
wire is_rescaled = is_written && !is_restart_before[1];

always @(posedge clk) begin
    largest_then <= largest;
    has_begun <= has_first;
    largest_before <= {largest_before[2:1], largest};
    has_first_before <= {has_first_before[2:1], has_first};
    maximum_then <= maximum;
    needed_then <= needed;
    following_then <= following;
    words_then <= {unit_exponents_1, unit_exponents_0};
    has_written <= has_first_before[3];

    octaves_of_logits: assume (is_octave(octave_now));
    one_word_at_a_time: assume (age == 0 || !(is_ended && is_last));
    head_holds: assume (age == 0 || !is_ended || head == head_before[1]);
    restart_holds: assume (age == 0 || !is_ended || is_restart == is_restart_before[1]);

    invariant_largest: assert (!has_begun || $signed(unit_largest_q) == largest_then);
    invariant_range: assert (!has_begun || is_octave(largest_then));
    if (age >= 6) comes: assert (out_is_coming == (is_last_before[3] && !(|clear_before)));
    if (is_written) is_maximum: assert (exponent == following_then);
    if (is_written) is_kept: assert (word == exponent);
    if (is_written) every_octave_is_below: assert (exponent >= needed_then);
    if (is_rescaled) never_falls: assert (exponent >= maximum_then);
    if (is_rescaled) is_rise: assert (out_rescaling == (rise > 63 ? 6'd63 : rise[5:0]));
    if (age >= 6 && !out_is_coming_before[1])
        nothing_else_is_written: assert ({unit_exponents_1, unit_exponents_0} == words_then);
    if (is_written && head_before[1])
        head_1_alone: assert (unit_exponents_0 == words_then[WIDTH-1:0]);
    if (age >= 6) is_read: assert (out_reader_exponent == (reader_head_before[2]
        ? unit_exponents_1_before[2] : unit_exponents_0_before[2]));
    far: cover (is_rescaled && rise > 100);
    equal: cover (is_rescaled && rise == 0 && needed_then < maximum_then);
    nothing_counts: cover (is_written && needed_then == NO_OCTAVE + 1);
end
