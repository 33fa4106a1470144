/*
 * One splat onto one screen, forward and backward: EWA projection and spherical-harmonics colour (method.md section 3).
 * Templated on the scalar so that dual numbers and float64 run the same lines.
 */
#pragma once
#include "../generated/pgs_constants.h"
#include "hd.h"

namespace pgs {

constexpr int MAX_SH = 16;

template <class T> struct CameraT {
    T view[12];  /* rows of [R t], world -> camera */
    T centre[3]; /* world */
    T fx, fy, cx, cy;
    T lim_x, lim_y; /* FOV_CLAMP * tan(fov / 2) */
    int width, height;
};

/* A pinhole camera from its world -> camera matrix [4,4] and its lens, px. */
template <class T>
inline void set_camera(CameraT<T>& camera, const double* viewmat, double fx, double fy, double cx, double cy, int width, int height) {
    for (int i = 0; i < 12; i++) camera.view[i] = T(viewmat[i]);
    for (int c = 0; c < 3; c++)
        camera.centre[c] = T(-(viewmat[c] * viewmat[3] + viewmat[4 + c] * viewmat[7] + viewmat[8 + c] * viewmat[11]));
    camera.fx = T(fx);
    camera.fy = T(fy);
    camera.cx = T(cx);
    camera.cy = T(cy);
    camera.lim_x = T(PGS_FOV_CLAMP * 0.5 * width / fx);
    camera.lim_y = T(PGS_FOV_CLAMP * 0.5 * height / fy);
    camera.width = width;
    camera.height = height;
}

/* Activated parameters of a splat after deformation. */
template <class T> struct SplatT {
    T mean[3];
    T quat[4]; /* any length */
    T log_scale[3];
    T logit_opacity;
};

template <class T> struct ProjectedT {
    T x, y;         /* screen mean, px */
    T conic[3];     /* a, b, c of the inverse screen covariance */
    T depth;        /* view z, m */
    T opacity;
    T color[3];
    T cov_xx, cov_yy; /* dilated screen variances, px^2: bounds of the footprint */
    int radius;     /* px; 0: culled (Eq. 4) */
};

template <class T> struct ProjectedGradT {
    T x, y, conic[3], depth, opacity, color[3];
};

template <class T> struct SplatGradT {
    T mean[3], quat[4], log_scale[3], logit_opacity;
};

/* Real spherical harmonics up to `degree` in direction d (unit); basis[(degree+1)^2]. */
template <class T> PGS_HD void sh_basis(int degree, const T d[3], T* basis) {
    const T x = d[0], y = d[1], z = d[2];
    basis[0] = T(PGS_SH_C0);
    if (degree < 1) return;
    basis[1] = T(-PGS_SH_C1) * y;
    basis[2] = T(PGS_SH_C1) * z;
    basis[3] = T(-PGS_SH_C1) * x;
    if (degree < 2) return;
    basis[4] = T(PGS_SH_C2_0) * x * y;
    basis[5] = T(-PGS_SH_C2_0) * y * z;
    basis[6] = T(PGS_SH_C2_1) * (T(2) * z * z - x * x - y * y);
    basis[7] = T(-PGS_SH_C2_0) * x * z;
    basis[8] = T(PGS_SH_C2_2) * (x * x - y * y);
    if (degree < 3) return;
    basis[9] = T(-PGS_SH_C3_0) * y * (T(3) * x * x - y * y);
    basis[10] = T(PGS_SH_C3_1) * x * y * z;
    basis[11] = T(-PGS_SH_C3_2) * y * (T(4) * z * z - x * x - y * y);
    basis[12] = T(PGS_SH_C3_3) * z * (T(2) * z * z - T(3) * x * x - T(3) * y * y);
    basis[13] = T(-PGS_SH_C3_2) * x * (T(4) * z * z - x * x - y * y);
    basis[14] = T(PGS_SH_C3_4) * z * (x * x - y * y);
    basis[15] = T(-PGS_SH_C3_0) * x * (x * x - T(3) * y * y);
}

/* d basis / d direction, contracted with v_basis. Degrees 0..2: what training uses. */
template <class T> PGS_HD void sh_basis_vjp(int degree, const T d[3], const T* v_basis, T v_d[3]) {
    const T x = d[0], y = d[1], z = d[2];
    v_d[0] = v_d[1] = v_d[2] = T(0);
    if (degree < 1) return;
    v_d[1] = v_d[1] - T(PGS_SH_C1) * v_basis[1];
    v_d[2] = v_d[2] + T(PGS_SH_C1) * v_basis[2];
    v_d[0] = v_d[0] - T(PGS_SH_C1) * v_basis[3];
    if (degree < 2) return;
    v_d[0] = v_d[0] + T(PGS_SH_C2_0) * (y * v_basis[4] - z * v_basis[7]) - T(2) * T(PGS_SH_C2_1) * x * v_basis[6] +
             T(2) * T(PGS_SH_C2_2) * x * v_basis[8];
    v_d[1] = v_d[1] + T(PGS_SH_C2_0) * (x * v_basis[4] - z * v_basis[5]) - T(2) * T(PGS_SH_C2_1) * y * v_basis[6] -
             T(2) * T(PGS_SH_C2_2) * y * v_basis[8];
    v_d[2] = v_d[2] - T(PGS_SH_C2_0) * (y * v_basis[5] + x * v_basis[7]) + T(4) * T(PGS_SH_C2_1) * z * v_basis[6];
}

/* Values shared by the two directions. */
template <class T> struct ProjectFrame {
    T rot[9];    /* rotation of the splat */
    T scale[3];
    T m[9];      /* rot * diag(scale) */
    T t[3];      /* view-space mean */
    T u[6];      /* J * W, 2x3 */
    T v[6];      /* J * W * rot * scale, 2x3: cov2d = v v^T + dilation */
    T xc, yc;    /* clamped t.x/t.z, t.y/t.z */
    bool clamp_x, clamp_y;
    T dir[3], inv_dist;
    T unit_quat[4], inv_norm;
};

template <class T> PGS_HD void rotation_of(const T q[4], T r[9]) {
    const T w = q[0], x = q[1], y = q[2], z = q[3];
    r[0] = T(1) - T(2) * (y * y + z * z); r[1] = T(2) * (x * y - w * z); r[2] = T(2) * (x * z + w * y);
    r[3] = T(2) * (x * y + w * z); r[4] = T(1) - T(2) * (x * x + z * z); r[5] = T(2) * (y * z - w * x);
    r[6] = T(2) * (x * z - w * y); r[7] = T(2) * (y * z + w * x); r[8] = T(1) - T(2) * (x * x + y * y);
}

/* Everything but colour. Returns false where the splat is behind DEPTH_MIN or degenerate. */
template <class T> PGS_HD bool project_geometry(const CameraT<T>& cam, const SplatT<T>& s, ProjectFrame<T>& f, T cov[3]) {
    using std::exp;
    using std::sqrt;
    for (int r = 0; r < 3; r++)
        f.t[r] = cam.view[r * 4] * s.mean[0] + cam.view[r * 4 + 1] * s.mean[1] + cam.view[r * 4 + 2] * s.mean[2] + cam.view[r * 4 + 3];
    if (!(f.t[2] > T(PGS_DEPTH_MIN))) return false;
    const T norm = sqrt(s.quat[0] * s.quat[0] + s.quat[1] * s.quat[1] + s.quat[2] * s.quat[2] + s.quat[3] * s.quat[3]);
    if (!(norm > T(0))) return false;
    f.inv_norm = T(1) / norm;
    for (int k = 0; k < 4; k++) f.unit_quat[k] = s.quat[k] * f.inv_norm;
    rotation_of(f.unit_quat, f.rot);
    for (int k = 0; k < 3; k++) f.scale[k] = exp(s.log_scale[k]);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) f.m[r * 3 + c] = f.rot[r * 3 + c] * f.scale[c];

    const T iz = T(1) / f.t[2];
    T ux = f.t[0] * iz, uy = f.t[1] * iz;
    f.clamp_x = ux > cam.lim_x || ux < -cam.lim_x;
    f.clamp_y = uy > cam.lim_y || uy < -cam.lim_y;
    ux = ux > cam.lim_x ? cam.lim_x : (ux < -cam.lim_x ? -cam.lim_x : ux);
    uy = uy > cam.lim_y ? cam.lim_y : (uy < -cam.lim_y ? -cam.lim_y : uy);
    f.xc = ux;
    f.yc = uy;
    const T j00 = cam.fx * iz, j02 = -cam.fx * ux * iz, j11 = cam.fy * iz, j12 = -cam.fy * uy * iz;
    for (int c = 0; c < 3; c++) {
        f.u[c] = j00 * cam.view[c] + j02 * cam.view[8 + c];
        f.u[3 + c] = j11 * cam.view[4 + c] + j12 * cam.view[8 + c];
    }
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 3; c++)
            f.v[r * 3 + c] = f.u[r * 3] * f.m[c] + f.u[r * 3 + 1] * f.m[3 + c] + f.u[r * 3 + 2] * f.m[6 + c];
    cov[0] = f.v[0] * f.v[0] + f.v[1] * f.v[1] + f.v[2] * f.v[2] + T(PGS_COV2D_DILATION);
    cov[1] = f.v[0] * f.v[3] + f.v[1] * f.v[4] + f.v[2] * f.v[5];
    cov[2] = f.v[3] * f.v[3] + f.v[4] * f.v[4] + f.v[5] * f.v[5] + T(PGS_COV2D_DILATION);
    return true;
}

template <class T> PGS_HD void view_direction(const CameraT<T>& cam, const T mean[3], ProjectFrame<T>& f) {
    using std::sqrt;
    T d[3];
    for (int k = 0; k < 3; k++) d[k] = mean[k] - cam.centre[k];
    f.inv_dist = T(1) / sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    for (int k = 0; k < 3; k++) f.dir[k] = d[k] * f.inv_dist;
}

/*
 * Projects one splat (Eq. 4 validity, EWA covariance, colour). sh [K,3], K = (storage degree + 1)^2; `degree` is the active one.
 * Returns false and radius 0 where the splat is culled.
 */
template <class T>
PGS_HD bool project_splat(const CameraT<T>& cam, const SplatT<T>& s, const T* sh, int degree, ProjectedT<T>& out) {
    using std::exp;
    using std::sqrt;
    ProjectFrame<T> f;
    T cov[3];
    out.radius = 0;
    if (!project_geometry(cam, s, f, cov)) return false;
    const T det = cov[0] * cov[2] - cov[1] * cov[1];
    if (!(det > T(0))) return false;
    const T inv_det = T(1) / det;
    out.conic[0] = cov[2] * inv_det;
    out.conic[1] = -cov[1] * inv_det;
    out.conic[2] = cov[0] * inv_det;
    out.cov_xx = cov[0];
    out.cov_yy = cov[2];
    const T mid = T(0.5) * (cov[0] + cov[2]);
    const T disc = mid * mid - det;
    const T lambda = mid + sqrt(disc > T(0) ? disc : T(0));
    const T r3 = T(PGS_RADIUS_SIGMAS) * sqrt(lambda);
    if (!(r3 < T(1e6))) return false;
    int radius = int(r3);
    if (T(radius) < r3) radius++;
    const T iz = T(1) / f.t[2];
    out.x = cam.fx * f.t[0] * iz + cam.cx;
    out.y = cam.fy * f.t[1] * iz + cam.cy;
    /* Eq. 4 counts pixel indices; our screen coordinates put pixel p's centre at p + 0.5, hence no 0.5 here. */
    if (!(out.x > T(-radius) && out.x < T(radius + cam.width) && out.y > T(-radius) && out.y < T(radius + cam.height))) return false;
    out.depth = f.t[2];
    out.opacity = T(1) / (T(1) + exp(-s.logit_opacity));
    view_direction(cam, s.mean, f);
    T basis[MAX_SH];
    sh_basis(degree, f.dir, basis);
    const int k_active = (degree + 1) * (degree + 1);
    for (int c = 0; c < 3; c++) {
        T value = T(0.5);
        for (int k = 0; k < k_active; k++) value = value + basis[k] * sh[k * 3 + c];
        out.color[c] = value > T(0) ? value : T(0);
    }
    out.radius = radius;
    return true;
}

/*
 * Gradients of a projected splat back to its parameters; put_sh(k, value) takes those of the active coefficients, k counting
 * through [K,3]. The caller passes only splats whose forward was not culled.
 */
template <class T, class F>
PGS_HD void project_splat_vjp(const CameraT<T>& cam, const SplatT<T>& s, const T* sh, int degree, const ProjectedT<T>& p,
                              const ProjectedGradT<T>& g, SplatGradT<T>& out, F&& put_sh) {
    ProjectFrame<T> f;
    T cov[3];
    if (!project_geometry(cam, s, f, cov)) return;

    /* conic = cov^-1, so v_cov = -conic * v_conic * conic with the off-diagonal counted once. */
    const T A = p.conic[0], B = p.conic[1], C = p.conic[2];
    const T ga = g.conic[0], gb = T(0.5) * g.conic[1], gc = g.conic[2];
    const T t00 = A * ga + B * gb, t01 = A * gb + B * gc, t10 = B * ga + C * gb, t11 = B * gb + C * gc;
    const T v_xx = -(t00 * A + t01 * B), v_xy = -T(2) * (t00 * B + t01 * C), v_yy = -(t10 * B + t11 * C);

    T v_v[6];
    for (int c = 0; c < 3; c++) {
        v_v[c] = T(2) * v_xx * f.v[c] + v_xy * f.v[3 + c];
        v_v[3 + c] = T(2) * v_yy * f.v[3 + c] + v_xy * f.v[c];
    }
    T v_u[6], v_m[9];
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 3; c++)
            v_u[r * 3 + c] = v_v[r * 3] * f.m[c * 3] + v_v[r * 3 + 1] * f.m[c * 3 + 1] + v_v[r * 3 + 2] * f.m[c * 3 + 2];
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) v_m[r * 3 + c] = f.u[r] * v_v[c] + f.u[3 + r] * v_v[3 + c];

    T v_rot[9];
    for (int c = 0; c < 3; c++) {
        T v_scale = T(0);
        for (int r = 0; r < 3; r++) {
            v_scale = v_scale + v_m[r * 3 + c] * f.rot[r * 3 + c];
            v_rot[r * 3 + c] = v_m[r * 3 + c] * f.scale[c];
        }
        out.log_scale[c] = v_scale * f.scale[c];
    }
    const T w = f.unit_quat[0], x = f.unit_quat[1], y = f.unit_quat[2], z = f.unit_quat[3];
    const T* r = v_rot;
    T v_q[4];
    v_q[0] = T(2) * (x * (r[7] - r[5]) + y * (r[2] - r[6]) + z * (r[3] - r[1]));
    v_q[1] = T(2) * (y * (r[1] + r[3]) + z * (r[2] + r[6]) + w * (r[7] - r[5]) - T(2) * x * (r[4] + r[8]));
    v_q[2] = T(2) * (x * (r[1] + r[3]) + z * (r[5] + r[7]) + w * (r[2] - r[6]) - T(2) * y * (r[0] + r[8]));
    v_q[3] = T(2) * (x * (r[2] + r[6]) + y * (r[5] + r[7]) + w * (r[3] - r[1]) - T(2) * z * (r[0] + r[4]));
    const T along = v_q[0] * w + v_q[1] * x + v_q[2] * y + v_q[3] * z;
    for (int k = 0; k < 4; k++) out.quat[k] = (v_q[k] - f.unit_quat[k] * along) * f.inv_norm;

    const T iz = T(1) / f.t[2];
    T v_j00 = T(0), v_j02 = T(0), v_j11 = T(0), v_j12 = T(0);
    for (int c = 0; c < 3; c++) {
        v_j00 = v_j00 + v_u[c] * cam.view[c];
        v_j02 = v_j02 + v_u[c] * cam.view[8 + c];
        v_j11 = v_j11 + v_u[3 + c] * cam.view[4 + c];
        v_j12 = v_j12 + v_u[3 + c] * cam.view[8 + c];
    }
    T v_t[3];
    v_t[0] = cam.fx * iz * g.x;
    v_t[1] = cam.fy * iz * g.y;
    v_t[2] = g.depth - iz * iz * (cam.fx * f.t[0] * g.x + cam.fy * f.t[1] * g.y);
    v_t[2] = v_t[2] - iz * iz * (cam.fx * v_j00 + cam.fy * v_j11);
    /* j02 = -fx * clamp(x/z) / z: the ratio is a constant where it is clamped. */
    if (f.clamp_x) {
        v_t[2] = v_t[2] + cam.fx * f.xc * iz * iz * v_j02;
    } else {
        v_t[0] = v_t[0] - cam.fx * iz * iz * v_j02;
        v_t[2] = v_t[2] + T(2) * cam.fx * f.xc * iz * iz * v_j02;
    }
    if (f.clamp_y) {
        v_t[2] = v_t[2] + cam.fy * f.yc * iz * iz * v_j12;
    } else {
        v_t[1] = v_t[1] - cam.fy * iz * iz * v_j12;
        v_t[2] = v_t[2] + T(2) * cam.fy * f.yc * iz * iz * v_j12;
    }
    for (int c = 0; c < 3; c++) out.mean[c] = cam.view[c] * v_t[0] + cam.view[4 + c] * v_t[1] + cam.view[8 + c] * v_t[2];

    out.logit_opacity = g.opacity * p.opacity * (T(1) - p.opacity);

    view_direction(cam, s.mean, f);
    T basis[MAX_SH], v_basis[MAX_SH];
    sh_basis(degree, f.dir, basis);
    const int k_active = (degree + 1) * (degree + 1);
    T v_color[3];
    for (int c = 0; c < 3; c++) v_color[c] = p.color[c] > T(0) ? g.color[c] : T(0);
    for (int k = 0; k < k_active; k++) {
        v_basis[k] = T(0);
        for (int c = 0; c < 3; c++) {
            put_sh(k * 3 + c, basis[k] * v_color[c]);
            v_basis[k] = v_basis[k] + sh[k * 3 + c] * v_color[c];
        }
    }
    T v_dir[3];
    sh_basis_vjp(degree, f.dir, v_basis, v_dir);
    const T radial = v_dir[0] * f.dir[0] + v_dir[1] * f.dir[1] + v_dir[2] * f.dir[2];
    for (int k = 0; k < 3; k++) out.mean[k] = out.mean[k] + (v_dir[k] - f.dir[k] * radial) * f.inv_dist;
}

}  // namespace pgs
