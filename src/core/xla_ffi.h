// What a kernel needs of XLA's foreign-function interface: how XLA calls a C function from a compiled program.
//
// The layouts below are those of version 0.x of that interface, which XLA keeps binary compatible: within a major
// version structures grow at their ends only, and each begins with its size. jaxlib ships the full declarations in
// include/xla/ffi/api/c_api.h; restating the few that are used here spares the build from needing jaxlib.
//
// A handler is a function of this form, written once for each operation and given to Python as a capsule:
//
//     xla::Error* twice(xla::CallFrame* frame) {
//         xla::Call call(frame);
//         if (call.is_query()) return call.answer();
//         if (!call.has(1, 1)) return call.refuse("twice takes an array and returns one");
//         ...                                // write into call.result(0).data
//         return nullptr;
//     }
//
// XLA gives dense row-major arrays, owns all of them, and calls from one of its own threads without the GIL. Arrays
// without entries may have no data.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace xent {
namespace xla {

constexpr int kMajor = 0;
constexpr int kMinor = 3;

// The numbers of the element types, as far as kernels take them.
enum DType : int32_t {
    PRED = 1,
    S8 = 2,
    S16 = 3,
    S32 = 4,
    S64 = 5,
    U8 = 6,
    U16 = 7,
    U32 = 8,
    U64 = 9,
    F16 = 10,
    F32 = 11,
    F64 = 12,
    BF16 = 16
};

enum AttributeKind : int32_t { kArray = 1, kDictionary = 2, kScalar = 3, kString = 4 };

constexpr int32_t kBuffer = 1;           // the one kind of argument and of result
constexpr int32_t kMetadataQuery = 1;    // the one kind of extension
constexpr int32_t kExecuteStage = 3;     // the stage in which there are numbers to compute with
constexpr int32_t kInvalidArgument = 3;  // an error code

struct Error;    // made and owned by XLA
struct Context;  // of one run of one program

struct Extension {
    size_t struct_size;
    int32_t kind;
    Extension* next;
};

struct Version {
    size_t struct_size;
    Extension* extensions;
    int32_t major;
    int32_t minor;
};

struct Span {
    const char* data;
    size_t size;
};

struct Buffer {
    size_t struct_size;
    Extension* extensions;
    int32_t dtype;
    void* data;
    int64_t rank;
    const int64_t* dims;
};

struct Scalar {
    int32_t dtype;
    const void* value;
};

// Arguments or results: `items` are Buffers where `kinds` say so.
struct List {
    size_t struct_size;
    Extension* extensions;
    int64_t size;
    const int32_t* kinds;
    void* const* items;
};

// Named constants of the call, sorted by name: `items` are Scalars, Spans, … as `kinds` say.
struct Attributes {
    size_t struct_size;
    Extension* extensions;
    int64_t size;
    const int32_t* kinds;
    const Span* const* names;
    void* const* items;
};

struct ErrorRequest {
    size_t struct_size;
    Extension* extensions;
    const char* message;  // copied
    int32_t code;
};

struct ScheduleRequest {
    size_t struct_size;
    Extension* extensions;
    Context* context;
    void (*task)(void*);
    void* data;
};

struct ThreadCountRequest {
    size_t struct_size;
    Extension* extensions;
    Context* context;
    int64_t* count;  // out
};

struct ErrorDisposal {
    size_t struct_size;
    Extension* extensions;
    Error* error;
};

// XLA's own functions, up to the last that is used.
struct Api {
    size_t struct_size;
    Extension* extensions;
    Version version;
    const void* internal;
    Error* (*create_error)(ErrorRequest*);
    void (*error_message)(void*);
    void (*destroy_error)(ErrorDisposal*);
    void (*unused[8])();  // registration, streams, types, state, device memory
    Error* (*schedule)(ScheduleRequest*);
    Error* (*thread_count)(ThreadCountRequest*);
};

struct CallFrame {
    size_t struct_size;
    Extension* extensions;
    const Api* api;
    Context* context;
    int32_t stage;
    List arguments;
    List results;
    Attributes attributes;
    void* future;
};

// What XLA asks each handler before it is used. The last field is there from minor version 3 on at the latest, though
// `struct_size` does not count it.
struct Metadata {
    size_t struct_size;
    Version version;
    uint32_t traits;
    int64_t state_type;  // 0: the handler has no state
};

struct MetadataQuery {
    Extension extension;
    Metadata* answer;
};

static_assert(sizeof(void*) == 8 && sizeof(Extension) == 24 && sizeof(Version) == 24 && sizeof(Buffer) == 48 &&
                  sizeof(Scalar) == 16 && sizeof(List) == 40 && sizeof(Attributes) == 48 && sizeof(Metadata) == 48 &&
                  offsetof(Api, create_error) == 48 && offsetof(Api, schedule) == 136 &&
                  offsetof(CallFrame, arguments) == 40 && offsetof(CallFrame, future) == 168,
              "the layouts of XLA's interface, on a machine of 64 bits");

// A call as a handler sees it.
class Call {
  public:
    explicit Call(CallFrame* frame) : frame_(*frame) {}

    // Whether XLA only asks what this function is; then the result of the handler is `answer()`.
    bool is_query() const { return query() != nullptr; }

    Error* answer() const {
        Metadata& metadata = *query()->answer;
        metadata.version = {sizeof(Version), nullptr, kMajor, kMinor};
        // Minor versions only add to what is used here, so XLA's own is spoken, whichever it is.
        const Api* api = frame_.api;
        if (api != nullptr && api->version.major == kMajor) metadata.version.minor = api->version.minor;
        metadata.traits = 0;
        if (metadata.version.minor >= kMinor) metadata.state_type = 0;
        return nullptr;
    }

    // Whether there are so many arguments and results, all of them arrays, and this is the time to compute.
    bool has(int64_t n_arguments, int64_t n_results) const {
        return frame_.stage == kExecuteStage && buffers(frame_.arguments, n_arguments) &&
               buffers(frame_.results, n_results) && frame_.attributes.struct_size == sizeof(Attributes);
    }

    const Buffer& argument(int64_t i) const { return *static_cast<const Buffer*>(frame_.arguments.items[i]); }

    const Buffer& result(int64_t i) const { return *static_cast<const Buffer*>(frame_.results.items[i]); }

    // Sets `value` to the constant of that name; false where there is none of exactly that type.
    bool attribute(const char* name, double& value) const { return scalar(name, F64, value); }
    bool attribute(const char* name, int64_t& value) const { return scalar(name, S64, value); }
    bool attribute(const char* name, bool& value) const { return scalar(name, PRED, value); }

    // The number of threads that XLA computes with; 1 where it does not say.
    int64_t n_threads() const {
        int64_t count = 1;
        ThreadCountRequest request = {sizeof(ThreadCountRequest), nullptr, frame_.context, &count};
        if (frame_.api->struct_size < offsetof(Api, thread_count) + sizeof(frame_.api->thread_count)) return 1;
        return worked(frame_.api->thread_count(&request)) && count > 0 ? count : 1;
    }

    // Have XLA's threads call task(data), sooner or later; false where they never will. Only where n_threads() > 1.
    bool schedule(void (*task)(void*), void* data) const {
        ScheduleRequest request = {sizeof(ScheduleRequest), nullptr, frame_.context, task, data};
        return worked(frame_.api->schedule(&request));
    }

    // An error to return from the handler; JAX raises it with this message.
    Error* refuse(const char* message) const {
        ErrorRequest request = {offsetof(ErrorRequest, code) + sizeof(int32_t), nullptr, message, kInvalidArgument};
        return frame_.api->create_error(&request);
    }

  private:
    bool worked(Error* error) const {
        if (error == nullptr) return true;
        ErrorDisposal disposal = {sizeof(ErrorDisposal), nullptr, error};
        frame_.api->destroy_error(&disposal);
        return false;
    }

    const MetadataQuery* query() const {
        const Extension* extension = frame_.extensions;
        const bool asked = extension != nullptr && extension->kind == kMetadataQuery;
        return asked ? reinterpret_cast<const MetadataQuery*>(extension) : nullptr;
    }

    static bool buffers(const List& list, int64_t count) {
        bool right = list.struct_size == sizeof(List) && list.size == count;
        for (int64_t i = 0; right && i < count; ++i) right = list.kinds[i] == kBuffer;
        return right;
    }

    template <class T>
    bool scalar(const char* name, int32_t dtype, T& value) const {
        const Attributes& all = frame_.attributes;
        for (int64_t i = 0; i < all.size; ++i) {
            if (all.names[i]->size != std::strlen(name) || std::memcmp(all.names[i]->data, name, all.names[i]->size))
                continue;
            if (all.kinds[i] != kScalar) return false;
            const Scalar& found = *static_cast<const Scalar*>(all.items[i]);
            if (found.dtype != dtype) return false;
            std::memcpy(&value, found.value, sizeof(T));
            return true;
        }
        return false;
    }

    const CallFrame& frame_;
};

}  // namespace xla
}  // namespace xent
