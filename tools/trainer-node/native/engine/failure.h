/* What stops a call: caught at the C edge (capi.h) and told as a status and one line. */
#pragma once
#include <cstdint>
#include <string>
#include "../include/pgs_trainer.h"

namespace pgs {

struct Failure {
    int32_t status;
    std::string message;
};

inline void require(bool ok, const std::string& message, int32_t status = PGS_E_ARGUMENT) {
    if (!ok) throw Failure{status, message};
}

}  // namespace pgs
