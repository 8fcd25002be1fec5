#include "status.h"

namespace sew {

const char* text(Status status) {
  switch (status) {
    case Status::ok: return "ok";
    case Status::unknown_kernel: return "there is no kernel of this number";
    case Status::wrong_arguments: return "a number or a buffer is missing, or a size is out of range";
    case Status::wrong_type: return "a buffer has the wrong element type";
    case Status::too_small: return "a buffer is smaller than the shapes say";
    case Status::out_of_memory: return "the system has no memory left";
    case Status::not_finite: return "a number is infinite or NaN, which this kernel does not support";
    case Status::count: break;
  }
  return "unknown status";
}

}  // namespace sew
