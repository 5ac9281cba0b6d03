// Plays a stimulus back on a compiled model of the accelerator, of Verilator or of CXXRTL.
//
// playback_ports.h has the model (PlaybackModel), where a port keeps its value (playback_locate),
// what computes (playback_settle), and lists the ports: PLAYBACK_INPUTS(X) and
// PLAYBACK_OUTPUTS(X), each X(expression, bits).
// Files have one line for each cycle, as cosim/crosscheck/pin_trace.py says. Both models keep the
// value of a port in its lowest bytes, little endian. Prints the seconds of processor time of the
// loop over all cycles.

#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "playback_ports.h"

namespace {

struct Port {
    unsigned char* bytes;
    int num_bits;

    int num_bytes() const { return (num_bits + 7) / 8; }
    int num_digits() const { return (num_bits + 3) / 4; }
};

int read_digit(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

// Bytes of one cycle behind those of another, as many for each port as it needs.
std::vector<unsigned char> parse(const std::string& text, const std::vector<Port>& ports) {
    std::vector<unsigned char> bytes;
    for (size_t place = 0; place < text.size();) {
        for (const Port& port : ports) {
            const size_t first = bytes.size();
            bytes.resize(first + port.num_bytes(), 0);
            for (int digit = port.num_digits() - 1; digit >= 0; --digit, ++place)
                bytes[first + digit / 2] |= read_digit(text[place]) << (digit % 2 * 4);
            ++place;  // The space or the end of the line.
        }
    }
    return bytes;
}

std::string format(const std::vector<unsigned char>& bytes, const std::vector<Port>& ports) {
    std::string text;
    for (size_t first = 0; first < bytes.size();) {
        for (const Port& port : ports) {
            for (int digit = port.num_digits() - 1; digit >= 0; --digit)
                text += "0123456789abcdef"[bytes[first + digit / 2] >> (digit % 2 * 4) & 15];
            text += ' ';
            first += port.num_bytes();
        }
        text.back() = '\n';
    }
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    std::ifstream file(argv[1]);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    PlaybackModel model;
#define PLAYBACK_ADD(expression, num_bits) {playback_locate(expression), num_bits},
    const std::vector<Port> inputs{PLAYBACK_INPUTS(PLAYBACK_ADD)};
    const std::vector<Port> outputs{PLAYBACK_OUTPUTS(PLAYBACK_ADD)};
    const std::vector<unsigned char> given = parse(text, inputs);
    std::vector<unsigned char> found;
    const std::clock_t started = std::clock();
    for (size_t place = 0; place < given.size();) {
        for (const Port& port : inputs)
            for (int byte = 0; byte < port.num_bytes(); ++byte) port.bytes[byte] = given[place++];
        playback_settle(model, false);
        for (const Port& port : outputs)
            found.insert(found.end(), port.bytes, port.bytes + port.num_bytes());
        playback_settle(model, true);
    }
    const double seconds = double(std::clock() - started) / CLOCKS_PER_SEC;
    std::ofstream(argv[2]) << format(found, outputs);
    std::printf("%.6f\n", seconds);
    return 0;
}
