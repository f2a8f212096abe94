// reboot: restarts the machine (an emulator started with -no-reboot ends instead).
#include "kd/commands.h"
#include "hal.h"

KD_COMMAND(reboot, "", "restart the machine") { HalReturnToFirmware(FIRMWARE_REENTRY::HalRebootRoutine); }
