/* Where a split puts its children (method.md section 4). */
#pragma once
#include "splat.h"

namespace pgs {

/* ln 1.6: children are 1.6 times smaller. */
constexpr double SPLIT_SHRINK = 0.47000362924573563;

/* Moves a copy of the parent to a point drawn from the parent's own Gaussian, and shrinks it. normal [3]: standard normals. */
template <class T> PGS_HD void place_child(const T quat[4], const T normal[3], T mean[3], T log_scale[3]) {
    using std::exp;
    using std::sqrt;
    T rot[9], unit[4], offset[3];
    const T norm = sqrt(quat[0] * quat[0] + quat[1] * quat[1] + quat[2] * quat[2] + quat[3] * quat[3]);
    for (int k = 0; k < 4; k++) unit[k] = norm > T(0) ? quat[k] / norm : T(k == 0);
    rotation_of(unit, rot);
    for (int k = 0; k < 3; k++) offset[k] = normal[k] * exp(log_scale[k]);
    for (int r = 0; r < 3; r++) mean[r] += rot[r * 3] * offset[0] + rot[r * 3 + 1] * offset[1] + rot[r * 3 + 2] * offset[2];
    for (int k = 0; k < 3; k++) log_scale[k] -= T(SPLIT_SHRINK);
}

}  // namespace pgs
