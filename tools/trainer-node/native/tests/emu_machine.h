/* The emulator's own faults, provoked: each must be found, or a green kernel suite means nothing. */
#pragma once
#include <string>

namespace pgs {

/* Runs every provocation and returns JSON: {"name": true where it was found, ...}. */
std::string provoke_machine();
/* The same of the runtime: streams, copies, captures. */
std::string provoke_streams();

}  // namespace pgs
