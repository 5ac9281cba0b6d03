// The exported accelerator, compiled by Verilator, with its memory and its instruction stream.
//
// Twin of pyrtl_backend.py, memory_model.py and InstructionDriver of backend.py beside it: the
// same draws from the same generators in the same order, so that both agree in every cycle.
// A cycle: drive all inputs, settle, observe all outputs; the rising edge follows at the start of
// the next cycle, so that Python reads the ports of the cycle in which `fastcar_run` returned.
// accelerator_ports.h is generated: numbers of cores, bytes and assertions, lists of ports.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "Vfastcar_accelerator.h"
#include "Vfastcar_accelerator___024root.h"
#include "accelerator_ports.h"
#include "verilated.h"

#define FASTCAR_EXPORT __attribute__((visibility("default")))

namespace {

constexpr size_t kMaxOpenWrites = 65535;
constexpr size_t kInstructionBytes = 16;
constexpr size_t kBeatBytes = FASTCAR_BEAT_BYTES;
constexpr uint64_t kAllBytes = ~uint64_t{0};
constexpr size_t kNumCores = FASTCAR_NUM_CORES;
constexpr size_t kLongResetCycles = FASTCAR_LONG_RESET_CYCLES;

// Why fastcar_run returned; bits.
enum Event : uint32_t {
    kCycle = 0,
    kRecord = 1,
    kDone = 2,
    kLimit = 4,
    kAssertion = 8,
    kViolation = 16
};

}  // namespace

// Members as in cosim/backends/verilator_backend.py.
extern "C" {

struct FastcarGenerator {
    uint32_t words[624];
    uint32_t index;
};

struct FastcarSettings {
    const uint8_t* program;
    uint64_t num_instructions;
    uint64_t limit_cycles;
    double gap_probability;
    uint8_t* memory;
    uint64_t num_beats;
    uint64_t latency_cycles;
    double stall_probability;
    const uint32_t* read_errors;
    uint64_t num_read_errors;
    const uint32_t* write_errors;
    uint64_t num_write_errors;
    uint64_t stops_every_cycle;
    uint8_t* recording;  // Rows of all ports, each in 64-bit words of its own; null: none.
    uint64_t num_recording_rows;
    FastcarGenerator generators[1 + kNumCores];  // Of the instructions, of each channel.
};

struct FastcarStatus {
    uint64_t num_steps;
    uint64_t num_accepted;
    uint64_t assertion;
    uint64_t rule;
    uint64_t core;
    uint64_t channel_cycle;
    const char* text;
    uint64_t num_read_beats[kNumCores];
    uint64_t num_write_beats[kNumCores];
};

}  // extern "C"

namespace {

// The Mersenne Twister of Python's random.Random.
class Generator {
public:
    explicit Generator(const FastcarGenerator& state) : state_(state) {}

    bool is_below(double probability) {
        if (probability <= 0) return false;
        const uint32_t upper = next() >> 5;
        const uint32_t lower = next() >> 6;
        return (upper * 67108864.0 + lower) / 9007199254740992.0 < probability;
    }

    // getrandbits for a multiple of 32 bits, lowest first.
    void fill(void* bytes, size_t num_bytes) {
        auto* out = static_cast<uint8_t*>(bytes);
        for (size_t place = 0; place < num_bytes; place += 4) {
            const uint32_t word = next();
            std::memcpy(out + place, &word, 4);
        }
    }

private:
    uint32_t next() {
        if (state_.index >= 624) twist();
        uint32_t word = state_.words[state_.index++];
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c5680U;
        word ^= (word << 15) & 0xefc60000U;
        return word ^ (word >> 18);
    }

    void twist() {
        uint32_t* words = state_.words;
        for (size_t place = 0; place < 624; ++place) {
            const uint32_t mixed =
                (words[place] & 0x80000000U) | (words[(place + 1) % 624] & 0x7fffffffU);
            words[place] =
                words[(place + 397) % 624] ^ (mixed >> 1) ^ ((mixed & 1U) ? 0x9908b0dfU : 0U);
        }
        state_.index = 0;
    }

    FastcarGenerator state_;
};

using Top = Vfastcar_accelerator;

#define FASTCAR_DECLARE(k, name) decltype(Top::core##k##_##name) name;
#define FASTCAR_BIND(k, name) top.core##k##_##name,
#define FASTCAR_BIND_CORE(k) CorePorts{FASTCAR_CHANNEL(FASTCAR_BIND, k)},

struct CorePorts {
    FASTCAR_CHANNEL(FASTCAR_DECLARE, 0)
};

#define FASTCAR_LOCATE(name) &top.name,
#define FASTCAR_PIN(name, bytes) Pin{&top.name, bytes},

struct Pin {
    const void* value;
    size_t num_bytes;
};

struct Violation {
    uint64_t rule = 0;  // 0: none.
    uint64_t cycle = 0;
    const char* text = "";
};

// Memory channel of one core; docs/accelerator.md, section 4.
class Channel {
public:
    Channel(const CorePorts& ports, const FastcarSettings& settings, size_t core)
        : ports_(ports), settings_(settings), generator_(settings.generators[1 + core]) {}

    void drive() {
        prepare_response();
        is_acknowledging_ = !open_writes_.empty() && cycle_ >= open_writes_.front().due_cycle &&
                            !is_stalled();
        if (!has_response_) generator_.fill(data_, kBeatBytes);
        ports_.read_response_valid = has_response_;
        std::memcpy(&ports_.read_response_data, data_, kBeatBytes);
        ports_.read_response_error = has_response_ ? is_response_error_ : true;
        ports_.read_request_ready = !is_stalled();
        ports_.write_ready = !is_stalled();
        ports_.write_acknowledge_valid = is_acknowledging_;
        ports_.write_acknowledge_error = is_acknowledging_ ? open_writes_.front().is_error : true;
    }

    void observe() {
        if (is_acknowledging_) open_writes_.pop_front();
        if (has_response_ && ports_.read_response_ready) {
            has_response_ = false;
            ++read_address_;
            --beats_left_;
            ++num_read_beats;
        }
        if (observe_request() && observe_write()) ++cycle_;
    }

    void check_closed() {
        if (beats_left_ > 0 || !open_writes_.empty()) {
            refuse(4, "done while an answer is due");
        } else if (is_request_held_ || is_write_held_) {
            refuse(2, "done while a transfer is offered");
        }
    }

    uint64_t num_read_beats = 0;
    uint64_t num_write_beats = 0;
    Violation violation;

private:
    struct OpenWrite {
        uint64_t due_cycle;
        bool is_error;
    };

    bool is_stalled() { return generator_.is_below(settings_.stall_probability); }

    // The specification ends here: nothing behind it happens.
    bool refuse(uint64_t rule, const char* text) {
        violation = Violation{rule, cycle_, text};
        return false;
    }

    static bool is_listed(uint64_t address, const uint32_t* list, uint64_t size) {
        return std::binary_search(list, list + size, address);
    }

    void prepare_response() {
        const bool is_due = beats_left_ > 0 && cycle_ >= response_cycle_;
        if (has_response_ || !is_due || is_stalled()) return;
        has_response_ = true;
        is_response_error_ =
            is_listed(read_address_, settings_.read_errors, settings_.num_read_errors) ||
            read_address_ >= settings_.num_beats;
        if (is_response_error_) {
            generator_.fill(data_, kBeatBytes);
        } else {
            std::memcpy(data_, settings_.memory + read_address_ * kBeatBytes, kBeatBytes);
        }
    }

    bool observe_request() {
        const bool is_offered = ports_.read_request_valid;
        const uint32_t address = ports_.read_request_address;
        const uint32_t num_beats = ports_.read_request_num_beats;
        if (is_request_held_ && (!is_offered || address != held_request_address_ ||
                                 num_beats != held_request_num_beats_)) {
            return refuse(2, "a read request changed before its transfer");
        }
        is_request_held_ = is_offered && !ports_.read_request_ready;
        held_request_address_ = address;
        held_request_num_beats_ = num_beats;
        if (!is_offered || is_request_held_) return true;
        if (beats_left_ > 0) return refuse(4, "a second request while beats are open");
        if (num_beats < 1) return refuse(4, "a request of 0 beats");
        read_address_ = address;
        beats_left_ = num_beats;
        response_cycle_ = cycle_ + settings_.latency_cycles;
        return true;
    }

    bool observe_write() {
        const bool is_offered = ports_.write_valid;
        const uint32_t address = ports_.write_address;
        uint8_t data[kBeatBytes];
        std::memcpy(data, &ports_.write_data, kBeatBytes);
        const uint64_t strobe = get_strobe();
        if (is_write_held_ && (!is_offered || address != held_write_address_ ||
                               strobe != held_write_strobe_ ||
                               std::memcmp(data, held_write_data_, kBeatBytes) != 0)) {
            return refuse(2, "a write changed before its transfer");
        }
        is_write_held_ = is_offered && !ports_.write_ready;
        held_write_address_ = address;
        held_write_strobe_ = strobe;
        std::memcpy(held_write_data_, data, kBeatBytes);
        if (!is_offered || is_write_held_) return true;
        if (open_writes_.size() >= kMaxOpenWrites) return refuse(5, "more than 65535 writes are open");
        const bool is_error =
            is_listed(address, settings_.write_errors, settings_.num_write_errors) ||
            address >= settings_.num_beats;
        if (!is_error) write_beat(address, data, strobe);
        open_writes_.push_back(OpenWrite{cycle_ + settings_.latency_cycles, is_error});
        ++num_write_beats;
        return true;
    }

    // A bit for each byte of a beat; kAllBytes where the channel has no strobe.
    uint64_t get_strobe() const {
#if FASTCAR_HAS_STROBES
        return ports_.write_strobe;
#else
        return kAllBytes;
#endif
    }

    void write_beat(uint64_t address, const uint8_t* data, uint64_t strobe) {
        uint8_t* beat = settings_.memory + address * kBeatBytes;
        if (strobe == kAllBytes) {
            std::memcpy(beat, data, kBeatBytes);
            return;
        }
        for (size_t byte = 0; byte < kBeatBytes; ++byte)
            if (strobe >> byte & 1) beat[byte] = data[byte];
    }

    CorePorts ports_;
    const FastcarSettings& settings_;
    Generator generator_;
    uint64_t cycle_ = 0;
    uint64_t read_address_ = 0;
    uint64_t beats_left_ = 0;
    uint64_t response_cycle_ = 0;
    bool has_response_ = false;
    bool is_response_error_ = false;
    bool is_acknowledging_ = false;
    uint8_t data_[kBeatBytes] = {};
    std::deque<OpenWrite> open_writes_;
    bool is_request_held_ = false;
    uint32_t held_request_address_ = 0;
    uint32_t held_request_num_beats_ = 0;
    bool is_write_held_ = false;
    uint32_t held_write_address_ = 0;
    uint64_t held_write_strobe_ = 0;
    uint8_t held_write_data_[kBeatBytes] = {};
};

// Offers the instructions one by one, with gaps; noise where nothing is offered.
class Driver {
public:
    explicit Driver(const FastcarSettings& settings)
        : settings_(settings), generator_(settings.generators[0]) {}

    void drive(Top& top) {
        const bool is_left = num_accepted < settings_.num_instructions;
        if (!is_offering_ && is_left) is_offering_ = !generator_.is_below(settings_.gap_probability);
        top.instruction_valid = is_offering_;
        if (is_offering_) {
            const uint8_t* word = settings_.program + num_accepted * kInstructionBytes;
            std::memcpy(&top.instruction, word, kInstructionBytes);
        } else {
            generator_.fill(&top.instruction, kInstructionBytes);
        }
    }

    void observe(const Top& top) {
        if (!top.instruction_ready || !is_offering_) return;
        is_offering_ = false;
        ++num_accepted;
    }

    uint64_t num_accepted = 0;

private:
    const FastcarSettings& settings_;
    Generator generator_;
    bool is_offering_ = false;
};

// One run: the settings are copied, arrays that they point to stay the caller's.
struct Run {
    Run(Top& top, const FastcarSettings& given) : settings(given), driver(settings) {
        const CorePorts ports[] = {FASTCAR_CORES(FASTCAR_BIND_CORE)};
        channels.reserve(kNumCores);
        for (size_t core = 0; core < kNumCores; ++core) {
            channels.emplace_back(ports[core], settings, core);
        }
    }

    FastcarSettings settings;
    Driver driver;
    std::vector<Channel> channels;
    uint64_t num_steps = 0;
    uint64_t assertion = 0;
};

class Accelerator {
public:
    explicit Accelerator(uint32_t random_seed) {
        Verilated::threadContextp(&context_);
        context_.randReset(random_seed == 0 ? 0 : 2);
        context_.randSeed(static_cast<int>(random_seed));
        top_ = std::make_unique<Top>(&context_);
        const Top& top = *top_;
        pins_ = {FASTCAR_PINS(FASTCAR_PIN)};
        for (const Pin& pin : pins_) row_bytes_ += round_up(pin.num_bytes);
    }

    ~Accelerator() {
        // The model leaves whichever context is the thread's, not the one that it was made in.
        Verilated::threadContextp(&context_);
        top_->final();
        top_.reset();
    }

    void reset() {
        run_.reset();
        for (size_t cycle = 0; cycle < kLongResetCycles; ++cycle) reset_cycle();
    }

    void start(const FastcarSettings& settings) { run_ = std::make_unique<Run>(*top_, settings); }

    uint32_t run() {
        for (;;) {
            if (run_->num_steps >= run_->settings.limit_cycles) return kLimit;
            const uint32_t event = step();
            if (event != kCycle || run_->settings.stops_every_cycle) return event;
        }
    }

    void get_status(FastcarStatus& status) const {
        status = FastcarStatus{};
        status.num_steps = run_->num_steps;
        status.num_accepted = run_->driver.num_accepted;
        status.assertion = run_->assertion;
        for (size_t core = kNumCores; core-- > 0;) {
            const Channel& channel = run_->channels[core];
            status.num_read_beats[core] = channel.num_read_beats;
            status.num_write_beats[core] = channel.num_write_beats;
            if (channel.violation.rule == 0) continue;
            status.rule = channel.violation.rule;
            status.core = core;
            status.channel_cycle = channel.violation.cycle;
            status.text = channel.violation.text;
        }
    }

    const void* locate(size_t output) const {
        const Top& top = *top_;
        const void* outputs[] = {FASTCAR_OUTPUTS(FASTCAR_LOCATE)};
        return outputs[output];
    }

private:
    // One cycle of reset, with nothing offered.
    void reset_cycle() {
        begin_cycle();
        top_->reset = 1;
        top_->instruction_valid = 0;
        Top& top = *top_;
        const CorePorts ports[] = {FASTCAR_CORES(FASTCAR_BIND_CORE)};
        for (const CorePorts& core : ports) {
            core.read_request_ready = core.write_ready = 0;
            core.read_response_valid = core.read_response_error = 0;
            core.write_acknowledge_valid = core.write_acknowledge_error = 0;
        }
        top_->eval();
    }

    void begin_cycle() {
        top_->clk = 1;
        top_->eval();
        top_->clk = 0;
    }

    uint32_t step() {
        const bool has_begun = run_->driver.num_accepted > 0;
        ++run_->num_steps;
        begin_cycle();
        top_->reset = 0;
        run_->driver.drive(*top_);
        for (Channel& channel : run_->channels) channel.drive();
        top_->eval();
        record();
        if (is_assertion_broken()) return kAssertion;
        run_->driver.observe(*top_);
        for (Channel& channel : run_->channels) {
            channel.observe();
            if (channel.violation.rule != 0) return kViolation;
        }
        const bool is_done = has_begun && top_->done;
        uint32_t event = kCycle;
        if (top_->decision_valid || top_->retire_valid) event |= kRecord;
        if (is_done) event |= kDone;
        for (Channel& channel : run_->channels) {
            if (is_done) channel.check_closed();
            if (channel.violation.rule != 0) return kViolation;
        }
        return event;
    }

    static size_t round_up(size_t num_bytes) { return (num_bytes + 7) / 8 * 8; }

    // The ports of this cycle, in a ring of the newest.
    void record() {
        const FastcarSettings& settings = run_->settings;
        if (settings.recording == nullptr) return;
        const uint64_t number = (run_->num_steps - 1) % settings.num_recording_rows;
        uint8_t* place = settings.recording + number * row_bytes_;
        std::memset(place, 0, row_bytes_);
        for (const Pin& pin : pins_) {
            std::memcpy(place, pin.value, pin.num_bytes);
            place += round_up(pin.num_bytes);
        }
    }

    bool is_assertion_broken() {
#if FASTCAR_NUM_ASSERTIONS > 0
        const auto& bits = top_->rootp->fastcar_accelerator__DOT__assertions;
        const auto* bytes = reinterpret_cast<const uint8_t*>(&bits);
        for (size_t number = 0; number < FASTCAR_NUM_ASSERTIONS; number += 8) {
            const size_t num_bits = std::min<size_t>(8, FASTCAR_NUM_ASSERTIONS - number);
            const uint32_t broken = ~bytes[number / 8] & ((1U << num_bits) - 1);
            if (broken == 0) continue;
            run_->assertion = number + __builtin_ctz(broken);
            return true;
        }
#endif
        return false;
    }

    VerilatedContext context_;
    std::unique_ptr<Top> top_;
    std::unique_ptr<Run> run_;
    std::vector<Pin> pins_;
    size_t row_bytes_ = 0;
};

}  // namespace

extern "C" {

FASTCAR_EXPORT void* fastcar_create(uint32_t random_seed) { return new Accelerator(random_seed); }
FASTCAR_EXPORT void fastcar_destroy(void* handle) { delete static_cast<Accelerator*>(handle); }
FASTCAR_EXPORT void fastcar_reset(void* handle) { static_cast<Accelerator*>(handle)->reset(); }
FASTCAR_EXPORT void fastcar_start(void* handle, const FastcarSettings* settings) {
    static_cast<Accelerator*>(handle)->start(*settings);
}
FASTCAR_EXPORT uint32_t fastcar_run(void* handle) { return static_cast<Accelerator*>(handle)->run(); }
FASTCAR_EXPORT void fastcar_get_status(const void* handle, FastcarStatus* status) {
    static_cast<const Accelerator*>(handle)->get_status(*status);
}
FASTCAR_EXPORT const void* fastcar_locate(const void* handle, uint64_t output) {
    return static_cast<const Accelerator*>(handle)->locate(output);
}

}  // extern "C"
