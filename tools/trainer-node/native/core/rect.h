/* A rectangle of pixels, [x0, x1) x [y0, y1). */
#pragma once
#include "hd.h"

namespace pgs {

struct Rect {
    int x0, y0, x1, y1;
    PGS_HD int width() const { return x1 - x0; }
    PGS_HD int height() const { return y1 - y0; }
};

}  // namespace pgs
