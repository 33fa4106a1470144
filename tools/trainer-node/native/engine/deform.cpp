/*
 * The deformation of a branch: tri-plane feature, Multimodal Gated Fusion, MLP, deltas (Eqs. 6-9), forward and backward.
 *
 * Both branches end in the same three-layer MLP. They differ in what feeds its first layer: for the face everything but f_s is one
 * vector a frame (Eq. 8 sees audio and expression only), which is folded into the bias; the mouth's gate (Eq. 6) sees f'_s.
 */
#include "../core/linear.h"
#include "../core/rng.h"
#include "state.h"

namespace pgs {
namespace {

constexpr int FEAT = PGS_SPATIAL_FEAT_DIM, FEAT_PAD = pad16(FEAT), P = PGS_PROJ_DIM, E_DIM = PGS_PROJ_EXPR_DIM, A = PGS_AUDIO_FEAT_DIM;
constexpr int Y_PAD = 16, GRAIN = 512; /* splats a chunk: activations of a chunk stay in the second-level cache */

real sigmoid(real x) { return real(1) / (real(1) + std::exp(-x)); }

/* [out, in] columns [first, first + n) -> [pad(n)][out] (transposed) or [out][pad(n)], zero padded. */
std::vector<real> transposed(const Linear& layer, int first, int n, int out_pad) {
    std::vector<real> w(size_t(pad16(n)) * out_pad, real(0));
    for (int o = 0; o < layer.out; o++)
        for (int i = 0; i < n; i++) w[size_t(i) * out_pad + o] = layer.weight.value[size_t(o) * layer.in + first + i];
    return w;
}
std::vector<real> columns(const Linear& layer, int first, int n) {
    const int ld = pad16(n);
    std::vector<real> w(size_t(layer.out) * ld, real(0));
    for (int o = 0; o < layer.out; o++)
        for (int i = 0; i < n; i++) w[size_t(o) * ld + i] = layer.weight.value[size_t(o) * layer.in + first + i];
    return w;
}
void add_columns(Linear& layer, int first, int n, const real* grad) {
    const int ld = pad16(n);
    for (int o = 0; o < layer.out; o++)
        for (int i = 0; i < n; i++) layer.weight.grad[size_t(o) * layer.in + first + i] += grad[size_t(o) * ld + i];
}

void relu(real* x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = x[i] > 0 ? x[i] : real(0);
}
void relu_vjp(const real* y, real* v, size_t n) {
    for (size_t i = 0; i < n; i++) v[i] = y[i] > 0 ? v[i] : real(0);
}

/* rows_times with the output width chosen at run time among those that occur. */
void times(int out_pad, const real* in, int ld_in, int n_in, const real* w, const real* bias, real* out, int rows) {
    switch (out_pad) {
        case 16: rows_times<1>(in, ld_in, n_in, w, bias, out, 16, rows); break;
        case 32: rows_times<2>(in, ld_in, n_in, w, bias, out, 32, rows); break;
        case 48: rows_times<3>(in, ld_in, n_in, w, bias, out, 48, rows); break;
        default: rows_times<4>(in, ld_in, n_in, w, bias, out, 64, rows); break;
    }
}
void outer(int in_pad, const real* v_out, int ld_out, int n_out, const real* in, int rows, real* v_w, real* v_b) {
    switch (in_pad) {
        case 32: rows_outer<2>(v_out, ld_out, n_out, in, 32, rows, v_w, v_b); break;
        case 48: rows_outer<3>(v_out, ld_out, n_out, in, 48, rows, v_w, v_b); break;
        default: rows_outer<4>(v_out, ld_out, n_out, in, 64, rows, v_w, v_b); break;
    }
}

/* Weights of one pass in the layouts that the row kernels want. */
struct Packed {
    std::vector<real> in0_t, in0, mlp1_t, mlp1, mlp2_t, mlp2, bias2; /* first layer: face columns f_s; mouth: f'_s and gated */
    std::vector<real> gated_t, gated, proj_t, proj, gate_t, gate;
};

Packed pack(const Branch& b) {
    const BranchDims& d = BRANCH_DIMS[b.id];
    Packed p;
    const Linear *l = b.layers;
    if (d.per_splat_gate) {
        p.proj_t = transposed(l[PROJ_SPATIAL], 0, FEAT, P);
        p.proj = columns(l[PROJ_SPATIAL], 0, FEAT);
        p.gate_t = transposed(l[GATE], 0, P, P);
        p.gate = columns(l[GATE], 0, P);
        p.in0_t = transposed(l[MLP0], 0, P, d.hidden);
        p.in0 = columns(l[MLP0], 0, P);
        p.gated_t = transposed(l[MLP0], P, P, d.hidden);
        p.gated = columns(l[MLP0], P, P);
    } else {
        p.in0_t = transposed(l[MLP0], A + P + E_DIM, FEAT, d.hidden);
        p.in0 = columns(l[MLP0], A + P + E_DIM, FEAT);
    }
    p.mlp1_t = transposed(l[MLP1], 0, d.hidden, d.hidden);
    p.mlp1 = columns(l[MLP1], 0, d.hidden);
    p.mlp2_t = transposed(l[MLP2], 0, d.hidden, Y_PAD);
    p.mlp2 = columns(l[MLP2], 0, d.hidden);
    p.bias2.assign(Y_PAD, real(0));
    for (int o = 0; o < d.delta; o++) p.bias2[o] = l[MLP2].bias.value[o];
    return p;
}

void init_layer(Linear& layer, int out, int in, double gain, Rng& rng) {
    layer.resize(out, in);
    const double bound = gain * std::sqrt(3.0 / in);
    for (real& w : layer.weight.value) w = real((rng.uniform() * 2 - 1) * bound);
}

/* Factor of each predicted value: mean offsets are centimetres a unit, the rest is raw. */
real delta_scale(int k) { return k < 3 ? real(PGS_MEAN_DELTA_SCALE) : real(1); }

}  // namespace

void nets_init(Context& ctx, int branch, int plane_base, double plane_finest) {
    Branch& b = ctx.branch[branch];
    const BranchDims& d = BRANCH_DIMS[branch];
    Rng rng(ctx.seed, 0xB0 + branch);
    b.layout.set(plane_base, plane_finest);
    b.planes.resize(size_t(3) * b.layout.plane_texels);
    for (real& w : b.planes.value) w = real((rng.uniform() * 2 - 1) * 1e-4);
    const double relu_gain = std::sqrt(2.0);
    init_layer(b.layers[PROJ_AUDIO], P, A, 1, rng);
    if (d.per_splat_gate) {
        init_layer(b.layers[PROJ_SPATIAL], P, FEAT, 1, rng);
        init_layer(b.layers[GATE], P, 2 * P, 1, rng);
        init_layer(b.layers[MLP0], d.hidden, 2 * P, relu_gain, rng);
    } else {
        init_layer(b.layers[PROJ_EXPR], E_DIM, ctx.data.expressions, 1, rng);
        init_layer(b.layers[GATE], P, P + E_DIM, 1, rng);
        init_layer(b.layers[MLP0], d.hidden, A + P + E_DIM + FEAT, relu_gain, rng);
    }
    init_layer(b.layers[MLP1], d.hidden, d.hidden, relu_gain, rng);
    b.layers[MLP2].resize(d.delta, d.hidden); /* zero: an untrained deformer is the identity */
}

void deform_forward(Context& ctx, int branch, const real* audio_feat, const real* expression, ViewPass& view) {
    Branch& b = ctx.branch[branch];
    const BranchDims& d = BRANCH_DIMS[branch];
    DeformPass& s = view.deform;
    Linear* l = b.layers;
    const Packed w = pack(b);

    s.moving.clear();
    for (int i = 0; i < b.n; i++)
        if (inside_bound(&b.means.value[size_t(i) * 3])) s.moving.push_back(i);
    const int n = int(s.moving.size());

    /* Per frame. */
    s.proj_audio.resize(P);
    affine(l[PROJ_AUDIO].weight.value.data(), l[PROJ_AUDIO].bias.value.data(), P, A, audio_feat, s.proj_audio.data());
    if (d.per_splat_gate) {
        s.audio_gate.assign(P, real(0)); /* gate bias + the audio half of Eq. 6 */
        for (int o = 0; o < P; o++) {
            real sum = l[GATE].bias.value[o];
            for (int i = 0; i < P; i++) sum += l[GATE].weight.value[size_t(o) * 2 * P + P + i] * s.proj_audio[i];
            s.audio_gate[o] = sum;
        }
        s.uniform.assign(l[MLP0].bias.value.begin(), l[MLP0].bias.value.end());
    } else {
        s.proj_expr.resize(E_DIM);
        affine(l[PROJ_EXPR].weight.value.data(), l[PROJ_EXPR].bias.value.data(), E_DIM, ctx.data.expressions, expression, s.proj_expr.data());
        std::vector<real> in(P + E_DIM);
        std::copy(s.proj_audio.begin(), s.proj_audio.end(), in.begin());
        std::copy(s.proj_expr.begin(), s.proj_expr.end(), in.begin() + P);
        s.frame_gate.resize(P);
        affine(l[GATE].weight.value.data(), l[GATE].bias.value.data(), P, P + E_DIM, in.data(), s.frame_gate.data());
        for (real& x : s.frame_gate) x = sigmoid(x);
        s.uniform.assign(l[MLP0].bias.value.begin(), l[MLP0].bias.value.end());
        for (int o = 0; o < d.hidden; o++) {
            const real* row = &l[MLP0].weight.value[size_t(o) * l[MLP0].in];
            for (int i = 0; i < A; i++) s.uniform[o] += row[i] * audio_feat[i];
            for (int i = 0; i < P; i++) s.uniform[o] += row[A + i] * s.frame_gate[i] * s.proj_audio[i];
            for (int i = 0; i < E_DIM; i++) s.uniform[o] += row[A + P + i] * s.proj_expr[i];
        }
    }

    /* Per splat. */
    s.feat.resize(size_t(n) * FEAT_PAD);
    s.h1.resize(size_t(n) * d.hidden);
    s.h2.resize(size_t(n) * d.hidden);
    s.y.resize(size_t(n) * Y_PAD);
    if (d.per_splat_gate)
        for (auto* rows : {&s.proj, &s.gate, &s.gated}) rows->resize(size_t(n) * P);
    const std::vector<real> proj_bias = d.per_splat_gate ? l[PROJ_SPATIAL].bias.value : std::vector<real>();
    std::vector<double> chunk_reg((n + GRAIN - 1) / GRAIN, 0);
    ctx.pool.ranges(n, GRAIN, [&](int begin, int end, int chunk) {
        const int rows = end - begin;
        real* feat = &s.feat[size_t(begin) * FEAT_PAD];
        for (int r = 0; r < rows; r++) {
            encode_planes(b.layout, b.planes.value.data(), &b.means.value[size_t(s.moving[begin + r]) * 3], feat + size_t(r) * FEAT_PAD);
            for (int i = FEAT; i < FEAT_PAD; i++) feat[size_t(r) * FEAT_PAD + i] = 0;
        }
        real *h1 = &s.h1[size_t(begin) * d.hidden], *h2 = &s.h2[size_t(begin) * d.hidden], *y = &s.y[size_t(begin) * Y_PAD];
        if (d.per_splat_gate) {
            real *proj = &s.proj[size_t(begin) * P], *gate = &s.gate[size_t(begin) * P], *gated = &s.gated[size_t(begin) * P];
            times(P, feat, FEAT_PAD, FEAT, w.proj_t.data(), proj_bias.data(), proj, rows);
            times(P, proj, P, P, w.gate_t.data(), s.audio_gate.data(), gate, rows);
            for (size_t i = 0; i < size_t(rows) * P; i++) {
                gate[i] = sigmoid(gate[i]);
                gated[i] = gate[i] * s.proj_audio[i % P];
            }
            times(d.hidden, proj, P, P, w.in0_t.data(), s.uniform.data(), h1, rows);
            std::vector<real> rest(size_t(rows) * d.hidden);
            times(d.hidden, gated, P, P, w.gated_t.data(), nullptr, rest.data(), rows);
            for (size_t i = 0; i < rest.size(); i++) h1[i] += rest[i];
        } else {
            times(d.hidden, feat, FEAT_PAD, FEAT, w.in0_t.data(), s.uniform.data(), h1, rows);
        }
        relu(h1, size_t(rows) * d.hidden);
        times(d.hidden, h1, d.hidden, d.hidden, w.mlp1_t.data(), l[MLP1].bias.value.data(), h2, rows);
        relu(h2, size_t(rows) * d.hidden);
        times(Y_PAD, h2, d.hidden, d.hidden, w.mlp2_t.data(), w.bias2.data(), y, rows);
        double reg = 0;
        for (int r = 0; r < rows; r++) {
            Splat& splat = view.splats[s.moving[begin + r]];
            const real* out = y + size_t(r) * Y_PAD;
            for (int k = 0; k < d.delta; k++) {
                const real delta = out[k] * delta_scale(k);
                reg += std::abs(double(delta)) / (k < 3 ? 3 : (k < 6 ? 3 : 4));
                (k < 3 ? splat.mean[k] : (k < 6 ? splat.log_scale[k - 3] : splat.quat[k - 6])) += delta;
            }
        }
        chunk_reg[chunk] = reg;
    });
    s.regulariser = 0;
    for (double reg : chunk_reg) s.regulariser += n > 0 ? reg / n : 0;
}

void deform_backward(Context& ctx, int branch, const real* audio_feat, const real* expression, ViewPass& view, real* v_audio_feat) {
    Branch& b = ctx.branch[branch];
    const BranchDims& d = BRANCH_DIMS[branch];
    DeformPass& s = view.deform;
    Linear* l = b.layers;
    const Packed w = pack(b);
    const int n = int(s.moving.size()), chunks = (n + GRAIN - 1) / GRAIN, H = d.hidden;
    if (n == 0) return;
    const double reg = ctx.setting("weight.delta");

    /* A chunk's sums, one after another: mlp2 w b, mlp1 w b, first layer w b, then the mouth's. */
    const size_t w2 = size_t(Y_PAD) * H, w1 = size_t(H) * H, w0 = size_t(H) * (d.per_splat_gate ? P : FEAT_PAD);
    const size_t at_b2 = w2, at_w1 = at_b2 + Y_PAD, at_b1 = at_w1 + w1, at_w0 = at_b1 + H, at_b0 = at_w0 + w0;
    const size_t at_gated = at_b0 + H, at_gate = at_gated + size_t(H) * P, at_bgate = at_gate + size_t(P) * P;
    const size_t at_proj = at_bgate + P, at_bproj = at_proj + size_t(P) * FEAT_PAD, at_audio = at_bproj + P;
    const size_t total = d.per_splat_gate ? at_audio + P : at_gated;
    s.chunk_grads.resize(chunks);
    s.v_y.resize(size_t(n) * Y_PAD);
    s.v_h1.resize(size_t(n) * H);
    s.v_h2.resize(size_t(n) * H);
    s.v_feat.resize(size_t(n) * FEAT_PAD);
    if (d.per_splat_gate)
        for (auto* rows : {&s.v_proj, &s.v_gated, &s.v_gate}) rows->resize(size_t(n) * P);

    ctx.pool.ranges(n, GRAIN, [&](int begin, int end, int chunk) {
        const int rows = end - begin;
        auto& sums = s.chunk_grads[chunk];
        sums.assign(total, real(0));
        real *v_y = &s.v_y[size_t(begin) * Y_PAD], *v_h1 = &s.v_h1[size_t(begin) * H], *v_h2 = &s.v_h2[size_t(begin) * H];
        real* v_feat = &s.v_feat[size_t(begin) * FEAT_PAD];
        for (int r = 0; r < rows; r++) {
            const SplatGrad& g = view.v_splats[s.moving[begin + r]];
            const real* y = &s.y[size_t(begin + r) * Y_PAD];
            for (int k = 0; k < Y_PAD; k++) {
                real v = 0;
                if (k < d.delta) {
                    v = k < 3 ? g.mean[k] : (k < 6 ? g.log_scale[k - 3] : g.quat[k - 6]);
                    const double mean = 1.0 / (double(n) * (k < 3 ? 3 : (k < 6 ? 3 : 4)));
                    v += real(reg * mean) * (y[k] > 0 ? real(1) : (y[k] < 0 ? real(-1) : real(0)));
                    v *= delta_scale(k);
                }
                v_y[size_t(r) * Y_PAD + k] = v;
            }
        }
        const real *h1 = &s.h1[size_t(begin) * H], *h2 = &s.h2[size_t(begin) * H], *feat = &s.feat[size_t(begin) * FEAT_PAD];
        outer(H, v_y, Y_PAD, d.delta, h2, rows, &sums[0], &sums[at_b2]);
        times(H, v_y, Y_PAD, d.delta, w.mlp2.data(), nullptr, v_h2, rows);
        relu_vjp(h2, v_h2, size_t(rows) * H);
        outer(H, v_h2, H, H, h1, rows, &sums[at_w1], &sums[at_b1]);
        times(H, v_h2, H, H, w.mlp1.data(), nullptr, v_h1, rows);
        relu_vjp(h1, v_h1, size_t(rows) * H);
        if (!d.per_splat_gate) {
            outer(FEAT_PAD, v_h1, H, H, feat, rows, &sums[at_w0], &sums[at_b0]);
            times(FEAT_PAD, v_h1, H, H, w.in0.data(), nullptr, v_feat, rows);
            return;
        }
        real *v_proj = &s.v_proj[size_t(begin) * P], *v_gated = &s.v_gated[size_t(begin) * P], *v_gate = &s.v_gate[size_t(begin) * P];
        const real *proj = &s.proj[size_t(begin) * P], *gate = &s.gate[size_t(begin) * P], *gated = &s.gated[size_t(begin) * P];
        outer(P, v_h1, H, H, proj, rows, &sums[at_w0], &sums[at_b0]);
        outer(P, v_h1, H, H, gated, rows, &sums[at_gated], nullptr);
        times(P, v_h1, H, H, w.in0.data(), nullptr, v_proj, rows);
        times(P, v_h1, H, H, w.gated.data(), nullptr, v_gated, rows);
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < P; i++) {
                const size_t at = size_t(r) * P + i;
                sums[at_audio + i] += v_gated[at] * gate[at];
                v_gate[at] = v_gated[at] * s.proj_audio[i] * gate[at] * (real(1) - gate[at]);
            }
        outer(P, v_gate, P, P, proj, rows, &sums[at_gate], &sums[at_bgate]);
        std::vector<real> more(size_t(rows) * P);
        times(P, v_gate, P, P, w.gate.data(), nullptr, more.data(), rows);
        for (size_t i = 0; i < more.size(); i++) v_proj[i] += more[i];
        outer(FEAT_PAD, v_proj, P, P, feat, rows, &sums[at_proj], &sums[at_bproj]);
        times(FEAT_PAD, v_proj, P, P, w.proj.data(), nullptr, v_feat, rows);
    });

    std::vector<real> sum(total, real(0)); /* chunks in order: the result does not depend on threads */
    for (const auto& part : s.chunk_grads)
        for (size_t i = 0; i < total; i++) sum[i] += part[i];
    s.chunk_grads.resize(chunks);
    add_columns(l[MLP2], 0, H, &sum[0]);
    for (int o = 0; o < d.delta; o++) l[MLP2].bias.grad[o] += sum[at_b2 + o];
    add_columns(l[MLP1], 0, H, &sum[at_w1]);
    for (int o = 0; o < H; o++) l[MLP1].bias.grad[o] += sum[at_b1 + o];
    for (int o = 0; o < H; o++) l[MLP0].bias.grad[o] += sum[at_b0 + o];
    const real* v_u = &sum[at_b0]; /* the frame's part enters where the bias does */
    std::vector<real> v_pa(P, real(0));
    if (d.per_splat_gate) {
        add_columns(l[MLP0], 0, P, &sum[at_w0]);
        add_columns(l[MLP0], P, P, &sum[at_gated]);
        add_columns(l[GATE], 0, P, &sum[at_gate]);
        add_columns(l[PROJ_SPATIAL], 0, FEAT, &sum[at_proj]);
        for (int o = 0; o < P; o++) {
            l[PROJ_SPATIAL].bias.grad[o] += sum[at_bproj + o];
            const real g = sum[at_bgate + o];
            l[GATE].bias.grad[o] += g;
            v_pa[o] += sum[at_audio + o];
        }
        for (int o = 0; o < P; o++)
            for (int i = 0; i < P; i++) {
                const size_t at = size_t(o) * 2 * P + P + i;
                l[GATE].weight.grad[at] += sum[at_bgate + o] * s.proj_audio[i];
                v_pa[i] += l[GATE].weight.value[at] * sum[at_bgate + o];
            }
    } else {
        add_columns(l[MLP0], A + P + E_DIM, FEAT, &sum[at_w0]);
        std::vector<real> v_ge(P + E_DIM, real(0)), in(P + E_DIM), v_gate(P), v_pe(E_DIM, real(0)), v_mix(P, real(0));
        for (int o = 0; o < H; o++) {
            const size_t row = size_t(o) * l[MLP0].in;
            for (int i = 0; i < A; i++) {
                l[MLP0].weight.grad[row + i] += v_u[o] * audio_feat[i];
                v_audio_feat[i] += l[MLP0].weight.value[row + i] * v_u[o];
            }
            for (int i = 0; i < P; i++) {
                l[MLP0].weight.grad[row + A + i] += v_u[o] * s.frame_gate[i] * s.proj_audio[i];
                v_mix[i] += l[MLP0].weight.value[row + A + i] * v_u[o];
            }
            for (int i = 0; i < E_DIM; i++) {
                l[MLP0].weight.grad[row + A + P + i] += v_u[o] * s.proj_expr[i];
                v_pe[i] += l[MLP0].weight.value[row + A + P + i] * v_u[o];
            }
        }
        for (int i = 0; i < P; i++) {
            v_pa[i] += v_mix[i] * s.frame_gate[i];
            v_gate[i] = v_mix[i] * s.proj_audio[i] * s.frame_gate[i] * (real(1) - s.frame_gate[i]);
            in[i] = s.proj_audio[i];
        }
        for (int i = 0; i < E_DIM; i++) in[P + i] = s.proj_expr[i];
        affine_vjp(l[GATE].weight.value.data(), P, P + E_DIM, in.data(), v_gate.data(), l[GATE].weight.grad.data(), l[GATE].bias.grad.data(), v_ge.data());
        for (int i = 0; i < P; i++) v_pa[i] += v_ge[i];
        for (int i = 0; i < E_DIM; i++) v_pe[i] += v_ge[P + i];
        affine_vjp(l[PROJ_EXPR].weight.value.data(), E_DIM, ctx.data.expressions, expression, v_pe.data(), l[PROJ_EXPR].weight.grad.data(),
                   l[PROJ_EXPR].bias.grad.data(), nullptr);
    }
    affine_vjp(l[PROJ_AUDIO].weight.value.data(), P, A, audio_feat, v_pa.data(), l[PROJ_AUDIO].weight.grad.data(), l[PROJ_AUDIO].bias.grad.data(),
               v_audio_feat);

    /* Feature planes: a task owns one level of one plane, so no two tasks add to the same texel. */
    ctx.pool.run(3 * PGS_PLANE_LEVELS, [&](int task) {
        const int plane = task / PGS_PLANE_LEVELS, level_id = task % PGS_PLANE_LEVELS;
        const PlaneLevel& level = b.layout.levels[level_id];
        real* table = &b.planes.grad[size_t(plane) * b.layout.plane_texels + level.offset];
        const int axis_a = plane_axis_a(plane), axis_b = plane_axis_b(plane);
        for (int r = 0; r < n; r++) {
            const real g = s.v_feat[size_t(r) * FEAT_PAD + task];
            const real* mean = &b.means.value[size_t(s.moving[r]) * 3];
            const PlaneTap<real> tap = plane_tap(level, mean[axis_a], mean[axis_b]);
            real* t = table + tap.index;
            const real upper = g * tap.fy, lower = g - upper;
            t[1] += lower * tap.fx;
            t[0] += lower - lower * tap.fx;
            t[level.stride + 1] += upper * tap.fx;
            t[level.stride] += upper - upper * tap.fx;
        }
    });
    ctx.pool.ranges(n, GRAIN, [&](int begin, int end, int) {
        for (int r = begin; r < end; r++) {
            const size_t at = size_t(s.moving[r]) * 3;
            encode_planes_vjp_mean(b.layout, b.planes.value.data(), &b.means.value[at], &s.v_feat[size_t(r) * FEAT_PAD], &b.means.grad[at]);
        }
    });
}

}  // namespace pgs
