// Intrusive doubly linked lists: NT's 8-byte LIST_ENTRY, and a typed view of it.
//
// Invariant: for every entry e of a list, e->Flink->Blink == e and e->Blink->Flink == e; an empty list is a
// head that points to itself. A list has no lock of its own: the owner's lock guards head and links.
// In checked builds removal and insertion assert the invariant, so that a stray write stops where it is found.
// In the books: "doubly linked lists" (kernel data structures). EXE-01
#pragma once

#include "nt/assert.h"
#include "nt/types.h"

/// A link of a doubly linked list, or its head.
struct LIST_ENTRY {
    LIST_ENTRY* Flink;
    LIST_ENTRY* Blink;
};
using PLIST_ENTRY = LIST_ENTRY*;

/// A link of a singly linked list.
struct SINGLE_LIST_ENTRY {
    SINGLE_LIST_ENTRY* Next;
};
using PSINGLE_LIST_ENTRY = SINGLE_LIST_ENTRY*;

inline void InitializeListHead(LIST_ENTRY* head) { head->Flink = head->Blink = head; }

inline bool IsListEmpty(const LIST_ENTRY* head) { return head->Flink == head; }

/// Unlinks an entry. @returns whether the list is empty afterwards.
inline bool RemoveEntryList(LIST_ENTRY* entry) {
    LIST_ENTRY* const next = entry->Flink;
    LIST_ENTRY* const previous = entry->Blink;
    NT_ASSERT(next->Blink == entry && previous->Flink == entry);
    previous->Flink = next;
    next->Blink = previous;
    return next == previous;
}

inline LIST_ENTRY* RemoveHeadList(LIST_ENTRY* head) {
    LIST_ENTRY* const entry = head->Flink;
    RemoveEntryList(entry);
    return entry;
}

inline LIST_ENTRY* RemoveTailList(LIST_ENTRY* head) {
    LIST_ENTRY* const entry = head->Blink;
    RemoveEntryList(entry);
    return entry;
}

inline void InsertHeadList(LIST_ENTRY* head, LIST_ENTRY* entry) {
    LIST_ENTRY* const first = head->Flink;
    NT_ASSERT(first->Blink == head);
    entry->Flink = first;
    entry->Blink = head;
    first->Blink = entry;
    head->Flink = entry;
}

inline void InsertTailList(LIST_ENTRY* head, LIST_ENTRY* entry) {
    LIST_ENTRY* const last = head->Blink;
    NT_ASSERT(last->Flink == head);
    entry->Flink = head;
    entry->Blink = last;
    last->Flink = entry;
    head->Blink = entry;
}

inline void PushEntryList(SINGLE_LIST_ENTRY* head, SINGLE_LIST_ENTRY* entry) {
    entry->Next = head->Next;
    head->Next = entry;
}

inline SINGLE_LIST_ENTRY* PopEntryList(SINGLE_LIST_ENTRY* head) {
    SINGLE_LIST_ENTRY* const first = head->Next;
    if (first) head->Next = first->Next;
    return first;
}

namespace nt {

/// The owner type of a member pointer: List<&KTHREAD::WaitListEntry> knows it holds KTHREADs.
template <typename> struct MemberPointer;
template <typename T, typename M> struct MemberPointer<M T::*> { using Owner = T; };

/// A typed view of a LIST_ENTRY head: `for (KTHREAD* t : nt::List<&KTHREAD::ThreadListEntry>(process->ThreadListHead))`.
/// The current element may be removed while iterating: the successor is read first.
template <auto Link> class List {
public:
    using T = typename MemberPointer<decltype(Link)>::Owner;

    explicit List(LIST_ENTRY& head) : m_head(&head) {}

    [[nodiscard]] bool IsEmpty() const { return IsListEmpty(m_head); }
    void PushBack(T* item) { InsertTailList(m_head, &(item->*Link)); }
    void PushFront(T* item) { InsertHeadList(m_head, &(item->*Link)); }
    T* Front() const { return IsEmpty() ? nullptr : Record(m_head->Flink); }
    T* PopFront() { return IsEmpty() ? nullptr : Record(RemoveHeadList(m_head)); }

    /// Goes through a list, and allows the removal of the element it stands at.
    class Iterator {
    public:
        explicit Iterator(LIST_ENTRY* at) : m_at(at), m_next(at->Flink) {}
        T* operator*() const { return Record(m_at); }
        Iterator& operator++() {
            m_at = m_next;
            m_next = m_at->Flink;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return m_at != other.m_at; }

    private:
        LIST_ENTRY* m_at;
        LIST_ENTRY* m_next;
    };

    Iterator begin() const { return Iterator(m_head->Flink); }
    Iterator end() const { return Iterator(m_head); }

    static T* Record(LIST_ENTRY* entry) {
        // The offset of the member, without a constant expression that clang 14 refuses for member pointers.
        const auto offset = reinterpret_cast<ULONG_PTR>(&(reinterpret_cast<T*>(0x1000)->*Link)) - 0x1000;
        return reinterpret_cast<T*>(reinterpret_cast<ULONG_PTR>(entry) - offset);
    }

private:
    LIST_ENTRY* m_head;
};

} // namespace nt
