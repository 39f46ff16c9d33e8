// RapidJSON with an allocator that reports when memory runs out. RapidJSON's own returns a null pointer,
// which its containers write to. Everything that parses or writes JSON uses these types instead of those in
// namespace rapidjson.
#pragma once

#include <rapidjson/allocators.h>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

namespace paxect::json {

// RapidJSON's Allocator concept with operator new: it throws std::bad_alloc, or does what the program's
// new-handler does.
class Allocator {
 public:
  static constexpr bool kNeedFree = true;

  void* Malloc(std::size_t size) { return size == 0 ? nullptr : ::operator new(size); }
  void* Realloc(void* old, std::size_t old_size, std::size_t size) {
    void* memory = Malloc(size);
    if (old != nullptr && memory != nullptr) std::memcpy(memory, old, std::min(old_size, size));
    Free(old);
    return memory;
  }
  static void Free(void* memory) { ::operator delete(memory); }
};

using Encoding = rapidjson::UTF8<>;
using Pool = rapidjson::MemoryPoolAllocator<Allocator>;
using Value = rapidjson::GenericValue<Encoding, Pool>;
using Document = rapidjson::GenericDocument<Encoding, Pool, Allocator>;
using Reader = rapidjson::GenericReader<Encoding, Encoding, Allocator>;
using StringBuffer = rapidjson::GenericStringBuffer<Encoding, Allocator>;
template <class Target = Encoding>
using BasicWriter = rapidjson::Writer<StringBuffer, Encoding, Target, Allocator>;
using Writer = BasicWriter<>;
using PrettyWriter = rapidjson::PrettyWriter<StringBuffer, Encoding, Encoding, Allocator>;
using Pointer = rapidjson::GenericPointer<Value, Allocator>;

}  // namespace paxect::json
