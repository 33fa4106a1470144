/* The part of density control that both back ends do on the host: who survives, who is copied, where children may fall. */
#pragma once
#include <vector>
#include "../core/rng.h"
#include "../include/pgs_trainer.h"

namespace pgs {

/* The new splats in their order: survivors as they were, then clones, then two children of each split. */
struct DensityPlan {
    std::vector<int> source; /* old index of each new splat */
    int survivors = 0;       /* the first so many keep their Adam moments; the others start with none */
    int first_child = 0;     /* from here on: moved and shrunk by place_child */
    int children() const { return int(source.size()) - first_child; }
};

/* actions [n]: PGS_KEEP .. PGS_PRUNE. */
inline DensityPlan plan_density(const uint8_t* actions, int n) {
    DensityPlan plan;
    for (int i = 0; i < n; i++)
        if (actions[i] == PGS_KEEP || actions[i] == PGS_CLONE) plan.source.push_back(i);
    plan.survivors = int(plan.source.size());
    for (int i = 0; i < n; i++)
        if (actions[i] == PGS_CLONE) plan.source.push_back(i);
    plan.first_child = int(plan.source.size());
    for (int i = 0; i < n; i++)
        if (actions[i] == PGS_SPLIT) plan.source.insert(plan.source.end(), 2, i);
    return plan;
}

/* Standard normals of the children [children, 3], drawn in their order. */
template <class T> std::vector<T> child_normals(const DensityPlan& plan, uint64_t seed, uint64_t iteration, int branch) {
    Rng rng(seed, 0xD0000000ull + iteration * 2 + uint64_t(branch));
    std::vector<T> normals(size_t(plan.children()) * 3);
    for (T& normal : normals) normal = T(rng.normal());
    return normals;
}

}  // namespace pgs
