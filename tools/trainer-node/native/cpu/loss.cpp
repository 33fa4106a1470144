#include "loss.h"
#include "../core/ssim.h"

namespace pgs {
namespace {

constexpr int HALF = SSIM_HALF;
const SsimWindowT<real> WINDOW = ssim_window<real>();

int blocks(const LossPlanes& planes) { return (planes.stride - 2 * LANES) / LANES; }

/* Weighted sum over the 11 rows around y; rows outside the rectangle are zero. */
V blur_column(const LossPlanes& planes, int c, int y, int x) {
    V sum{};
    const int first = y < HALF ? -y : -HALF, last = planes.height - 1 - y < HALF ? planes.height - 1 - y : HALF;
    for (int k = first; k <= last; k++) sum += WINDOW.tap[k + HALF] * load(planes.row(c, y + k) + x);
    return sum;
}

/* Columns past the width must stay zero: they are the padding of the next pass. */
V keep_inside(V v, int x, int width) {
    if (x + LANES <= width) return v;
    for (int i = 0; i < LANES; i++)
        if (x + i >= width) v[i] = 0;
    return v;
}

}  // namespace

void LossPlanes::resize(int w, int h) {
    if (w == width && h == height) return;
    width = w;
    height = h;
    stride = (w + LANES - 1) / LANES * LANES + 2 * LANES;
    for (auto& plane : data) plane.assign(size_t(stride) * h, real(0));
}

LossValue PhotometricLoss::run(Pool& pool, const LossPlanes& x, const LossPlanes& y, double norm, double weight_dssim, LossPlanes& grad) {
    const int w = x.width, h = x.height, n = blocks(x);
    for (auto& planes : moments_) planes.resize(w, h);
    for (auto& planes : partials_) planes.resize(w, h);
    for (auto& planes : blurred_) planes.resize(w, h);
    row_l1_.assign(size_t(3) * h, 0);
    row_ssim_.assign(size_t(3) * h, 0);
    const real scale_l1 = real(1 / norm), scale_ssim = real(-weight_dssim / norm);

    pool.run(3 * h, [&](int task) { /* rows of the first moments, horizontal half of the window */
        const int c = task / h, row = task % h;
        const real *px = x.row(c, row), *py = y.row(c, row);
        for (int b = 0; b < n; b++) {
            V m[5] = {};
            for (int k = -HALF; k <= HALF; k++) {
                const V vx = load(px + b * LANES + k), vy = load(py + b * LANES + k), g = splat_lanes(WINDOW.tap[k + HALF]);
                m[0] += g * vx;
                m[1] += g * vy;
                m[2] += g * vx * vx;
                m[3] += g * vy * vy;
                m[4] += g * vx * vy;
            }
            for (int i = 0; i < 5; i++) store(moments_[i].row(c, row) + b * LANES, m[i]);
        }
    });
    pool.run(3 * h, [&](int task) { /* SSIM and its partial derivatives by the raw moments G*x, G*x^2, G*xy */
        const int c = task / h, row = task % h;
        double sum = 0;
        for (int b = 0; b < n; b++) {
            const int at = b * LANES;
            const SsimT<V> ssim = ssim_at<real, V>(blur_column(moments_[0], c, row, at), blur_column(moments_[1], c, row, at),
                                                   blur_column(moments_[2], c, row, at), blur_column(moments_[3], c, row, at),
                                                   blur_column(moments_[4], c, row, at));
            sum += double(lane_sum(keep_inside(ssim.value, at, w)));
            store(partials_[0].row(c, row) + at, keep_inside(ssim.by_x, at, w));
            store(partials_[1].row(c, row) + at, keep_inside(ssim.by_xx, at, w));
            store(partials_[2].row(c, row) + at, keep_inside(ssim.by_xy, at, w));
        }
        row_ssim_[task] = sum;
    });
    pool.run(3 * h, [&](int task) { /* the window is symmetric, so it is its own adjoint */
        const int c = task / h, row = task % h;
        for (int i = 0; i < 3; i++) {
            const real* in = partials_[i].row(c, row);
            for (int b = 0; b < n; b++) {
                V sum{};
                for (int k = -HALF; k <= HALF; k++) sum += WINDOW.tap[k + HALF] * load(in + b * LANES + k);
                store(blurred_[i].row(c, row) + b * LANES, sum);
            }
        }
    });
    pool.run(3 * h, [&](int task) {
        const int c = task / h, row = task % h;
        double sum = 0;
        for (int b = 0; b < n; b++) {
            const int at = b * LANES;
            const V vx = load(x.row(c, row) + at), vy = load(y.row(c, row) + at), diff = vx - vy;
            const V sign = diff > real(0) ? splat_lanes(1) : (diff < real(0) ? splat_lanes(-1) : V{});
            sum += double(lane_sum(keep_inside(sign * diff, at, w)));
            const V d_ssim = blur_column(blurred_[0], c, row, at) + real(2) * vx * blur_column(blurred_[1], c, row, at) +
                             vy * blur_column(blurred_[2], c, row, at);
            real* out = grad.row(c, row) + at;
            store(out, keep_inside(load(out) + scale_l1 * sign + scale_ssim * d_ssim, at, w));
        }
        row_l1_[task] = sum;
    });
    LossValue value;
    for (double sum : row_l1_) value.l1 += sum / norm;
    for (double sum : row_ssim_) value.ssim += sum / norm;
    return value;
}

}  // namespace pgs
