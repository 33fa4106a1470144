/* The branch table (plugin/core/branches.ts): what the arithmetic needs of a branch, and how the layers of its networks are called. */
#pragma once
#include "../generated/pgs_constants.h"

namespace pgs {

enum BranchId { FACE = 0, MOUTH = 1, BRANCHES = 2 };
/* The layers of both branches; a branch uses those that its equations name. */
enum LayerId { PROJ_SPATIAL, PROJ_AUDIO, PROJ_EXPR, GATE, MLP0, MLP1, MLP2, LAYERS };
constexpr const char* LAYER_NAMES[LAYERS] = {"projSpatial", "projAudio", "projExpr", "gate", "mlp0", "mlp1", "mlp2"};
constexpr const char* BRANCH_NAMES[BRANCHES] = {"face", "mouth"};

struct BranchDims {
    int hidden, delta;
    bool per_splat_gate; /* Eq. 6: the gate sees f'_s; Eq. 8: it does not, so the audio part is one vector a frame */
};
constexpr BranchDims BRANCH_DIMS[BRANCHES] = {{PGS_FACE_HIDDEN_DIM, PGS_FACE_DELTA_DIM, false},
                                              {PGS_MOUTH_HIDDEN_DIM, PGS_MOUTH_DELTA_DIM, true}};

}  // namespace pgs
