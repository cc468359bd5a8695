#include "kernels/calibration.h"

namespace assay::kernels {

void apply_calibration(const Calibration& calibration, KernelSet& kernels) {
  kernels.for_each([&]<class Op>(OpTable<Op>& table) {
    for (const DeviceCalibration& device : calibration.devices) {
      for (const CalibratedOp& known : device.ops) {
        if (known.op == Op::kName) table.set_fit(device.device, known.implementation, known.fit);
      }
    }
  });
}

}  // namespace assay::kernels
