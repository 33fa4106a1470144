/* Which GPU there is. */
#pragma once
#include <cstdint>
#include <string>

namespace pgs {

/* The number of GPUs, with the first one's name and versions in `text`; or PGS_E_DEVICE, with the reason and the cure. */
int32_t describe_device(std::string& text);

}  // namespace pgs
