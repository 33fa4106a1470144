/*
 * L1 + D-SSIM of Eqs. 11-13 with its gradient, over a rectangle of the picture. SSIM: 11x11 Gaussian window, sigma 1.5, zero padded,
 * data range 1; D-SSIM = 1 - SSIM.
 */
#pragma once
#include <vector>
#include "../core/real.h"
#include "../core/rect.h"
#include "pool.h"

namespace pgs {

/* Planes of a rectangle with 16 zero columns on both sides, so that the horizontal window needs no edge case. */
struct LossPlanes {
    int width = 0, height = 0, stride = 0;
    std::vector<real> data[3];
    void resize(int w, int h);
    real* row(int c, int y) { return &data[c][size_t(y) * stride + LANES]; }
    const real* row(int c, int y) const { return &data[c][size_t(y) * stride + LANES]; }
};

struct LossValue {
    double l1 = 0;    /* sum of |x - y| / norm */
    double ssim = 0;  /* sum of SSIM / norm */
};

class PhotometricLoss {
  public:
    /*
     * grad += d/dx of (l1 + weight_dssim * (1 - ssim)), each a sum over the rectangle divided by `norm`
     * (3 x picture pixels: the part outside the rectangle counts as equal). x, y, grad share one size.
     */
    LossValue run(Pool& pool, const LossPlanes& x, const LossPlanes& y, double norm, double weight_dssim, LossPlanes& grad);

  private:
    LossPlanes moments_[5], partials_[3], blurred_[3];
    std::vector<double> row_l1_, row_ssim_;
};

}  // namespace pgs
