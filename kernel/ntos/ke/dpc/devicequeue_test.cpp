// Device queues: one request at the device, the others in order.
#include "ke/devicequeue.h"
#include "machine.h"

using DeviceQueueTest = host::KernelTest;

namespace {

struct Request {
    KDEVICE_QUEUE_ENTRY Entry = {};
    ULONG Number = 0;
};

/// The number of the request that was taken; -1 if none was.
LONG NumberOf(PKDEVICE_QUEUE_ENTRY entry) {
    return entry ? LONG(CONTAINING_RECORD(entry, Request, Entry)->Number) : -1;
}

} // namespace

TEST_F(DeviceQueueTest, TheFirstRequestIsStartedTheOthersWait) {
    Run([&] {
        KDEVICE_QUEUE queue;
        KeInitializeDeviceQueue(&queue);
        EXPECT_TRUE(queue.Type == 20 && queue.Size == sizeof(KDEVICE_QUEUE) && !queue.Busy);
        Request requests[3];
        for (ULONG i = 0; i < 3; i++)
            requests[i].Number = i;
        nt::DispatchLevelGuard level;
        EXPECT_FALSE(KeInsertDeviceQueue(&queue, &requests[0].Entry));
        EXPECT_TRUE(queue.Busy && !requests[0].Entry.Inserted);
        EXPECT_TRUE(KeInsertDeviceQueue(&queue, &requests[1].Entry));
        EXPECT_TRUE(KeInsertDeviceQueue(&queue, &requests[2].Entry));
        EXPECT_TRUE(requests[2].Entry.Inserted);
        EXPECT_EQ(NumberOf(KeRemoveDeviceQueue(&queue)), 1);
        EXPECT_FALSE(requests[1].Entry.Inserted);
        EXPECT_EQ(NumberOf(KeRemoveDeviceQueue(&queue)), 2);
        EXPECT_TRUE(queue.Busy) << "the last one is at the device";
        EXPECT_EQ(NumberOf(KeRemoveDeviceQueue(&queue)), -1);
        EXPECT_FALSE(queue.Busy);
    });
}

// a sweep goes upwards and begins anew at the smallest key
TEST_F(DeviceQueueTest, KeysAreSweptInOneDirection) {
    Run([&] {
        KDEVICE_QUEUE queue;
        KeInitializeDeviceQueue(&queue);
        Request first, requests[5];
        const ULONG keys[5] = {30, 10, 20, 10, 40};
        nt::DispatchLevelGuard level;
        EXPECT_FALSE(KeInsertByKeyDeviceQueue(&queue, &first.Entry, 15));
        for (ULONG i = 0; i < 5; i++) {
            requests[i].Number = i;
            EXPECT_TRUE(KeInsertByKeyDeviceQueue(&queue, &requests[i].Entry, keys[i]));
        }
        EXPECT_EQ(NumberOf(KeRemoveByKeyDeviceQueue(&queue, 15)), 2);
        EXPECT_EQ(NumberOf(KeRemoveByKeyDeviceQueue(&queue, 30)), 0) << "an equal key is taken";
        EXPECT_EQ(NumberOf(KeRemoveByKeyDeviceQueue(&queue, 41)), 1) << "none is larger: the first of all";
        EXPECT_EQ(NumberOf(KeRemoveByKeyDeviceQueueIfBusy(&queue, 0)), 3)
            << "equal keys in the order in which they came";
        EXPECT_EQ(NumberOf(KeRemoveByKeyDeviceQueue(&queue, 0)), 4);
        EXPECT_EQ(NumberOf(KeRemoveByKeyDeviceQueue(&queue, 0)), -1);
        EXPECT_EQ(NumberOf(KeRemoveByKeyDeviceQueueIfBusy(&queue, 0)), -1) << "not busy: nothing to do";
    });
}

TEST_F(DeviceQueueTest, AnEntryLeavesFromAnyPlace) {
    Run([&] {
        KDEVICE_QUEUE queue;
        KeInitializeDeviceQueue(&queue);
        Request requests[3];
        KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        for (Request& request : requests)
            (void)KeInsertDeviceQueue(&queue, &request.Entry);
        KfLowerIrql(old);
        EXPECT_TRUE(KeRemoveEntryDeviceQueue(&queue, &requests[1].Entry));
        EXPECT_FALSE(KeRemoveEntryDeviceQueue(&queue, &requests[1].Entry));
        EXPECT_FALSE(KeRemoveEntryDeviceQueue(&queue, &requests[0].Entry)) << "it is at the device";
        EXPECT_TRUE(queue.Busy);
        EXPECT_EQ(queue.DeviceListHead.Flink, &requests[2].Entry.DeviceListEntry);
    });
}

// a request that ends without having begun
TEST_F(DeviceQueueTest, RemovingFromAQueueThatIsNotBusyBreaksTheContract) {
    KDEVICE_QUEUE queue;
    RunUntilAssertion("DeviceQueue->Busy", [&] {
        KeInitializeDeviceQueue(&queue);
        nt::DispatchLevelGuard level;
        (void)KeRemoveDeviceQueue(&queue);
    });
}
