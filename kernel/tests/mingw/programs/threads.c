// Threads that wait for an event, count under a critical section, and end; mutex and semaphore.
// status: 0
// prints: 4000 counts by 4 threads
// prints: a second thread owns the mutex: 258
// prints: semaphore: 0 0 258
#include <stdio.h>
#include <windows.h>

static HANDLE go, mutex, owned;
static CRITICAL_SECTION lock;
static int count;

static DWORD WINAPI work(void* unused) {
    (void)unused;
    WaitForSingleObject(go, INFINITE);
    for (int i = 0; i < 1000; i++) {
        EnterCriticalSection(&lock);
        count++;
        LeaveCriticalSection(&lock);
        if (i % 100 == 0) Sleep(0);
    }
    return 0;
}

static DWORD WINAPI own(void* unused) {
    (void)unused;
    WaitForSingleObject(mutex, INFINITE);
    SetEvent(owned);
    WaitForSingleObject(go, INFINITE);
    ReleaseMutex(mutex);
    return 0;
}

int main(void) {
    HANDLE threads[4];
    go = CreateEventA(NULL, TRUE, FALSE, NULL);
    owned = CreateEventA(NULL, FALSE, FALSE, "owned");
    mutex = CreateMutexA(NULL, FALSE, NULL);
    InitializeCriticalSection(&lock);
    for (int i = 0; i < 4; i++)
        threads[i] = CreateThread(NULL, 0, work, NULL, 0, NULL);
    HANDLE owner = CreateThread(NULL, 0, own, NULL, 0, NULL);
    WaitForSingleObject(owned, INFINITE);
    const DWORD taken = WaitForSingleObject(mutex, 0);
    SetEvent(go);
    WaitForMultipleObjects(4, threads, TRUE, INFINITE);
    WaitForSingleObject(owner, INFINITE);
    printf("%d counts by 4 threads\n", count);
    printf("a second thread owns the mutex: %lu\n", taken);
    HANDLE units = CreateSemaphoreA(NULL, 2, 2, NULL);
    const DWORD first = WaitForSingleObject(units, 0), second = WaitForSingleObject(units, 0);
    printf("semaphore: %lu %lu %lu\n", first, second, WaitForSingleObject(units, 0));
    return 0;
}
