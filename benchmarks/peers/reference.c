/* Stuart-Landau networks in C: what the same arithmetic costs without a framework.

   Heun with coupling and noise held over a step, delays in whole steps, float32, loops that gcc vectorises. The
   history is a ring whose rows are written twice, so that the last `rows` rows are one window and each delayed
   value stands at a place known beforehand: place[i][j] = (rows - 1 - delay) * nodes + j. Noise is drawn in the
   loop, by sixteen xorshift generators side by side and Box-Muller.

   `march` is one network, without delays if `place` is NULL; `adjoint` its reverse pass; `lanes` sixteen networks
   at once, the lane last. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* As many as keep their loops from being written out, which gcc does not vectorise. */
#define SIDE 16
#define LANES 16

typedef struct {
    float growth, omega, gain, scale, dt;
} Node;

static uint32_t seeds[SIDE];

static void seed(uint32_t begin) {
    for (int k = 0; k < SIDE; k++) seeds[k] = (begin + 1) * 2654435761u ^ (k * 40503u + 977u);
}

/* `count` normal deviates times `scale`; `count` is a multiple of 2 SIDE. */
static void normals(float *restrict out, int count, float scale) {
    for (int begin = 0; begin < count; begin += 2 * SIDE) {
        uint32_t first[SIDE], second[SIDE];
        for (int k = 0; k < SIDE; k++) {
            uint32_t s = seeds[k];
            s ^= s << 13, s ^= s >> 17, s ^= s << 5, first[k] = s;
            s ^= s << 13, s ^= s >> 17, s ^= s << 5, second[k] = seeds[k] = s;
        }
        for (int k = 0; k < SIDE; k++) {
            float uniform = ((first[k] >> 8) + 1) * 0x1p-24f;
            float angle = (second[k] >> 8) * (0x1p-24f * 6.2831853f);
            float radius = scale * sqrtf(-2.0f * logf(uniform));
            out[begin + k] = radius * cosf(angle);
            /* Not sinf: gcc would call sincosf, which has no vector form. */
            out[begin + SIDE + k] = radius * cosf(angle - 1.5707963f);
        }
    }
}

static int padded(int count) { return (count + 2 * SIDE - 1) / (2 * SIDE) * (2 * SIDE); }

/* Four rows at once, so that `x` is read once for them. */
static void product(int n, const float *restrict weights, const float *restrict x, float *restrict sum) {
    for (int i = 0; i < n; i += 4) {
        const float *rows[4];
        float total[4] = {0};
        for (int k = 0; k < 4; k++) rows[k] = weights + (size_t)(i + k < n ? i + k : n - 1) * n;
        for (int j = 0; j < n; j++)
            for (int k = 0; k < 4; k++) total[k] += rows[k][j] * x[j];
        for (int k = 0; k < 4 && i + k < n; k++) sum[i + k] = total[k];
    }
}

static void gather(int n, const float *restrict weights, const int32_t *restrict place,
                   const float *restrict window, float *restrict sum) {
    for (int i = 0; i < n; i++) {
        float total = 0;
        for (int j = 0; j < n; j++) total += weights[i * n + j] * window[place[i * n + j]];
        sum[i] = total;
    }
}

/* One Heun step of every node; `ahead` receives the predicted states, which the reverse pass needs. */
static void heun(int n, Node node, const float *restrict growths, const float *restrict state,
                 const float *restrict sum, const float *restrict eta, float *restrict ahead,
                 float *restrict after) {
    const float h = node.dt;
    for (int i = 0; i < n; i++) {
        float a = growths ? growths[i] : node.growth, c = node.gain * sum[i];
        float x = state[i], y = state[n + i], g = a - (x * x + y * y);
        float kx = g * x - node.omega * y + c, ky = g * y + node.omega * x;
        float u = x + h * kx + eta[i], v = y + h * ky + eta[n + i];
        g = a - (u * u + v * v);
        ahead[i] = u, ahead[n + i] = v;
        after[i] = x + h / 2 * (kx + g * u - node.omega * v + c) + eta[i];
        after[n + i] = y + h / 2 * (ky + g * v + node.omega * u) + eta[n + i];
    }
}

/* States after each step into `states` (steps + 1, 2, n), whose first row is the start; predicted states and
   sums into `aheads` (steps, 2, n) and `sums` (steps, n), or NULL. */
void march(int n, int steps, int rows, const float *weights, const int32_t *place, const Node *node,
           const float *growths, float *states, float *aheads, float *sums) {
    int count = padded(2 * n), newest = rows - 1;
    float *ring = calloc((size_t)2 * rows * n, sizeof(float)), *sum = calloc(n, sizeof(float));
    float *eta = calloc(count, sizeof(float)), *ahead = calloc(2 * n, sizeof(float));
    seed(0);
    for (int row = 0; row < 2 * rows; row++) memcpy(ring + row * n, states, n * sizeof(float));
    for (int t = 0; t < steps; t++) {
        float *state = states + (size_t)2 * n * t;
        if (sums) sum = sums + (size_t)n * t;
        if (aheads) ahead = aheads + (size_t)2 * n * t;
        if (node->scale > 0) normals(eta, count, node->scale);
        if (place) gather(n, weights, place, ring + (newest - rows + 1) * n, sum);
        else product(n, weights, state, sum);
        heun(n, *node, growths, state, sum, eta, ahead, state + 2 * n);
        if (place) {
            newest = newest + 1 < 2 * rows ? newest + 1 : rows;
            memcpy(ring + newest * n, state + 2 * n, n * sizeof(float));
            memcpy(ring + (newest - rows) * n, state + 2 * n, n * sizeof(float));
        }
    }
    if (!sums) free(sum);
    if (!aheads) free(ahead);
    free(ring), free(eta);
}

/* What a slope (bu, bv) at (x, y) is worth to that state: the transposed Jacobian of a lone node. */
#define BACK_X(a, x, y, bu, bv) (((a) - 3 * (x) * (x) - (y) * (y)) * (bu) + (omega - 2 * (x) * (y)) * (bv))
#define BACK_Y(a, x, y, bu, bv) ((-omega - 2 * (x) * (y)) * (bu) + ((a) - (x) * (x) - 3 * (y) * (y)) * (bv))

/* Derivatives in `growths` and the gain, given those of the loss in x after each step, `slopes` (steps, n).
   A delayed network in reversed time, with `weights` and `place` transposed. */
void adjoint(int n, int steps, int rows, const float *weights, const int32_t *place, const Node *node,
             const float *growths, const float *states, const float *aheads, const float *sums,
             const float *slopes, float *by_growth, float *by_gain) {
    const float h = node->dt, omega = node->omega;
    float *ring = calloc((size_t)2 * rows * n, sizeof(float)), *heard = calloc(n, sizeof(float));
    float *lx = calloc(n, sizeof(float)), *ly = calloc(n, sizeof(float)), gain = 0;
    int newest = rows - 1;
    memset(by_growth, 0, n * sizeof(float));
    for (int t = steps - 1; t >= 0; t--) {
        const float *x = states + (size_t)2 * n * t, *y = x + n, *u = aheads + (size_t)2 * n * t, *v = u + n;
        const float *sum = sums + (size_t)n * t, *slope = slopes + (size_t)n * t;
        gather(n, weights, place, ring + (newest - rows + 1) * n, heard);
        newest = newest + 1 < 2 * rows ? newest + 1 : rows;
        float *row = ring + newest * n;
        for (int i = 0; i < n; i++) {
            float a = growths[i], bx = lx[i] + slope[i] + node->gain * heard[i], by = ly[i];
            float ku = h / 2 * bx, kv = h / 2 * by;
            float pu = BACK_X(a, u[i], v[i], ku, kv), pv = BACK_Y(a, u[i], v[i], ku, kv);
            float kx = ku + h * pu, ky = kv + h * pv;
            by_growth[i] += u[i] * ku + v[i] * kv + x[i] * kx + y[i] * ky;
            lx[i] = bx + pu + BACK_X(a, x[i], y[i], kx, ky);
            ly[i] = by + pv + BACK_Y(a, x[i], y[i], kx, ky);
            row[i] = ku + kx;
            gain += (ku + kx) * sum[i];
        }
        memcpy(ring + (newest - rows) * n, row, n * sizeof(float));
    }
    *by_gain = gain;
    free(ring), free(heard), free(lx), free(ly);
}

/* Sixteen networks of other growth rates and gains: the standard deviation of x of each node, (n, LANES). */
void lanes(int n, int steps, int rows, const float *weights, const int32_t *place, const Node *node,
           const float *growths, const float *gains, uint32_t number, float *deviation) {
    int newest = rows - 1, count = 2 * n * LANES;
    float *ring = calloc((size_t)2 * rows * n * LANES, sizeof(float)), *eta = calloc(count, sizeof(float));
    float *x = calloc(n * LANES, sizeof(float)), *y = calloc(n * LANES, sizeof(float));
    double *first = calloc(n * LANES, sizeof(double)), *square = calloc(n * LANES, sizeof(double));
    seed(number);
    for (int i = 0; i < n * LANES; i++) x[i] = 0.1f;
    for (int row = 0; row < 2 * rows; row++) memcpy(ring + row * n * LANES, x, n * LANES * sizeof(float));
    for (int t = 0; t < steps; t++) {
        const float *window = place ? ring + (size_t)(newest - rows + 1) * n * LANES : x;
        float *row = ring + (size_t)newest * n * LANES;
        const float h = node->dt, omega = node->omega;
        if (node->scale > 0) normals(eta, count, node->scale);
        newest = newest + 1 < 2 * rows ? newest + 1 : rows;
        row = ring + (size_t)newest * n * LANES;
        float sums[n][LANES];
        for (int i = 0; i < n; i++) {
            float sum[LANES] = {0};
            for (int j = 0; j < n; j++) {
                const float *from = window + (size_t)(place ? place[i * n + j] : j) * LANES;
                const float weight = weights[i * n + j];
                for (int k = 0; k < LANES; k++) sum[k] += weight * from[k];
            }
            memcpy(sums[i], sum, sizeof sum);
        }
        for (int i = 0; i < n; i++)
            for (int k = 0; k < LANES; k++) {
                int at = i * LANES + k;
                float a = growths[k], c = gains[k] * sums[i][k], ex = eta[at], ey = eta[n * LANES + at];
                float g = a - (x[at] * x[at] + y[at] * y[at]);
                float kx = g * x[at] - omega * y[at] + c, ky = g * y[at] + omega * x[at];
                float u = x[at] + h * kx + ex, v = y[at] + h * ky + ey;
                g = a - (u * u + v * v);
                x[at] += h / 2 * (kx + g * u - omega * v + c) + ex;
                y[at] += h / 2 * (ky + g * v + omega * u) + ey;
                first[at] += x[at], square[at] += x[at] * x[at];
            }
        if (place) {
            memcpy(row, x, n * LANES * sizeof(float));
            memcpy(row - (size_t)rows * n * LANES, x, n * LANES * sizeof(float));
        }
    }
    for (int i = 0; i < n * LANES; i++) {
        double mean = first[i] / steps, spread = square[i] / steps - mean * mean;
        deviation[i] = spread > 0 ? sqrt(spread) : 0;
    }
    free(ring), free(eta), free(x), free(y), free(first), free(square);
}
