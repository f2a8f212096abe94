// qsort, bsearch, rand.
//
// A kernel stack is small, so the sort does not recurse: it makes a heap of the array and takes the largest element out of it
// again and again. A parent's children are at 2 * parent + 1 and + 2; no child is larger than its parent.
// In the books: "executive support: run-time library". EXE-01
#include "rtl/cstring.h"

namespace {

using COMPARE = int CDECL(const void*, const void*);

/// An array whose elements are known by their size only.
class Elements {
public:
    Elements(void* base, SIZE_T size, COMPARE* compare)
        : m_base(static_cast<UCHAR*>(base)), m_size(size), m_compare(compare) {}

    [[nodiscard]] bool IsLess(SIZE_T left, SIZE_T right) const { return m_compare(At(left), At(right)) < 0; }
    void Swap(SIZE_T left, SIZE_T right) {
        UCHAR* const l = At(left);
        UCHAR* const r = At(right);
        for (SIZE_T i = 0; i < m_size; i++) {
            const UCHAR byte = l[i];
            l[i] = r[i];
            r[i] = byte;
        }
    }
    /// Lets the element sink below its larger children, within the first `count` elements.
    void Sink(SIZE_T parent, SIZE_T count) {
        for (;;) {
            SIZE_T child = 2 * parent + 1;
            if (child >= count) return;
            if (child + 1 < count && IsLess(child, child + 1)) child++;
            if (!IsLess(parent, child)) return;
            Swap(parent, child);
            parent = child;
        }
    }

private:
    [[nodiscard]] UCHAR* At(SIZE_T index) const { return m_base + index * m_size; }

    UCHAR* const m_base;
    const SIZE_T m_size;
    COMPARE* const m_compare;
};

ULONG Luck = 1; // as after srand(1)

} // namespace

#if defined(MICA_HOST)
namespace crt {
#else
extern "C" {
#endif

void CDECL qsort(void* base, SIZE_T count, SIZE_T size, int(CDECL* compare)(const void*, const void*)) {
    Elements elements(base, size, compare);
    for (SIZE_T parent = count / 2; parent > 0; parent--)
        elements.Sink(parent - 1, count);
    for (SIZE_T rest = count; rest > 1; rest--) {
        elements.Swap(0, rest - 1); // the largest goes behind the others
        elements.Sink(0, rest - 1);
    }
}

void* CDECL bsearch(const void* key, const void* base, SIZE_T count, SIZE_T size,
                    int(CDECL* compare)(const void*, const void*)) {
    const auto* low = static_cast<const UCHAR*>(base);
    while (count) {
        const UCHAR* const middle = low + count / 2 * size;
        const int order = compare(key, middle);
        if (order == 0) return const_cast<UCHAR*>(middle);
        if (order > 0) {
            low = middle + size;
            count--; // the middle is out too
        }
        count /= 2;
    }
    return nullptr;
}

int CDECL rand() {
    Luck = Luck * 1103515245 + 12345; // the example of ISO C
    return static_cast<int>(Luck / 65536 % 32768);
}

void CDECL srand(unsigned int seed) { Luck = seed; }
}
