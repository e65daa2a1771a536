/* Networks in C: what the same arithmetic costs without a framework.

   Heun with coupling and noise held over a step, delays in whole steps, float32, loops that gcc vectorises. The
   history is a ring whose rows are written twice, so that the last `rows` rows are one window and each delayed
   value stands at a place known beforehand: place[i][j] = (rows - 1 - delay) * nodes + j. Noise is drawn in the
   loop, by sixteen xorshift generators side by side and Box-Muller.

   Compiled once a model, with -D and its name, and -D for each of its parameters. `march` is one network, without
   delays if `place` is NULL; `adjoint` its reverse pass; `lanes` sixteen networks at once, the lane last. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* As many as keep their loops from being written out, which gcc does not vectorise. */
#define SIDE 16
#define LANES 16

/* Of a model: how many STATES a node has, on how many of them, from the FIRST on, there is noise, its slopes `k`
   at `s` with a parameter that each node has of its `own` and what arrives, what it sends, and of a model
   that sends its first state what slopes `b` are worth to the states, the own parameter and what arrives. */
#if defined(StuartLandau)

#define STATES 2
#define FIRST 0
#define NOISY 2

static inline void field(float own, float arriving, const float *s, float *k) {
    float g = own - (s[0] * s[0] + s[1] * s[1]);
    k[0] = g * s[0] - OMEGA * s[1] + arriving;
    k[1] = g * s[1] + OMEGA * s[0];
}

static inline float sent(const float *s) { return s[0]; }

static inline void back(float own, float arriving, const float *s, const float *b, float *to, float *by_own,
                        float *by_arriving) {
    float x = s[0], y = s[1];
    to[0] = (own - 3 * x * x - y * y) * b[0] + (OMEGA - 2 * x * y) * b[1];
    to[1] = (-OMEGA - 2 * x * y) * b[0] + (own - x * x - 3 * y * y) * b[1];
    *by_own = x * b[0] + y * b[1];
    *by_arriving = b[0];
}

#elif defined(JansenRit)

#define STATES 6
#define FIRST 4
#define NOISY 1

static inline float rate(float potential) {
    return 2 * HALF_RATE / (1 + expf(SLOPE * (THRESHOLD - potential)));
}

static inline void field(float own, float arriving, const float *s, float *k) {
    const float a = EXCITATORY_RATE, b = INHIBITORY_RATE;
    float excited = own + 0.8f * SYNAPSES * rate(SYNAPSES * s[0]) + arriving;
    float inhibited = 0.25f * SYNAPSES * rate(0.25f * SYNAPSES * s[0]);
    k[0] = s[3], k[1] = s[4], k[2] = s[5];
    k[3] = EXCITATORY * a * rate(s[1] - s[2]) - 2 * a * s[3] - a * a * s[0];
    k[4] = EXCITATORY * a * excited - 2 * a * s[4] - a * a * s[1];
    k[5] = INHIBITORY * b * inhibited - 2 * b * s[5] - b * b * s[2];
}

static inline float sent(const float *s) { return rate(s[1] - s[2]); }

#elif defined(WongWang)

#define STATES 1
#define FIRST 0
#define NOISY 1

static inline void field(float own, float arriving, const float *s, float *k) {
    float above = SLOPE * (CURRENT * (own * s[0] + arriving) + BACKGROUND) - OFFSET;
    float rate = above / (1 - expf(-CURVATURE * above));
    k[0] = (1 - s[0]) * rate * KINETICS - s[0] / DECAY;
}

static inline float sent(const float *s) { return s[0]; }

static inline void back(float own, float arriving, const float *s, const float *b, float *to, float *by_own,
                        float *by_arriving) {
    float above = SLOPE * (CURRENT * (own * s[0] + arriving) + BACKGROUND) - OFFSET;
    float shrunk = expf(-CURVATURE * above), share = 1 / (1 - shrunk), rate = above * share;
    float driven = (1 - s[0]) * KINETICS * (share - rate * CURVATURE * shrunk * share) * SLOPE * CURRENT * b[0];
    to[0] = own * driven - (rate * KINETICS + 1 / DECAY) * b[0];
    *by_own = s[0] * driven;
    *by_arriving = driven;
}

#endif

typedef struct {
    float own, gain, scale, dt;
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

/* The state of a node that stands in rows of `n`, written as its states side by side. */
#define LOAD(s, from) for (int d = 0; d < STATES; d++) s[d] = (from)[d * n + i]

/* One Heun step: from `s` to `after`, by way of `ahead`, the predicted state; `eta` in rows of `n`. */
#define HEUN(own, arriving, s, ahead, after, eta, i) do { \
    float k[STATES], m[STATES]; \
    field(own, arriving, s, k); \
    for (int d = 0; d < STATES; d++) { \
        float push = d >= FIRST && d < FIRST + NOISY ? (eta)[(d - FIRST) * n + (i)] : 0; \
        ahead[d] = s[d] + h * k[d] + push; \
        after[d] = s[d] + push; \
    } \
    field(own, arriving, ahead, m); \
    for (int d = 0; d < STATES; d++) after[d] += h / 2 * (k[d] + m[d]); \
} while (0)

/* One step of every node; `ahead` receives the predicted states, which the reverse pass needs. */
static void step(int n, Node node, const float *restrict owns, const float *restrict state,
                 const float *restrict sum, const float *restrict eta, float *restrict ahead,
                 float *restrict after) {
    const float h = node.dt;
    for (int i = 0; i < n; i++) {
        float s[STATES], u[STATES], v[STATES];
        LOAD(s, state);
        HEUN(owns ? owns[i] : node.own, node.gain * sum[i], s, u, v, eta, i);
        for (int d = 0; d < STATES; d++) ahead[d * n + i] = u[d], after[d * n + i] = v[d];
    }
}

static void send(int n, const float *restrict state, float *restrict row) {
    for (int i = 0; i < n; i++) {
        float s[STATES];
        LOAD(s, state);
        row[i] = sent(s);
    }
}

/* States after each step into `states` (steps + 1, STATES, n), whose first row is the start; predicted states and
   sums into `aheads` (steps, STATES, n) and `sums` (steps, n), or NULL. */
void march(int n, int steps, int rows, const float *weights, const int32_t *place, const Node *node,
           const float *owns, float *states, float *aheads, float *sums) {
    int count = padded(NOISY * n), newest = rows - 1, size = STATES * n;
    float *ring = calloc((size_t)2 * rows * n, sizeof(float)), *sum = calloc(n, sizeof(float));
    float *eta = calloc(count, sizeof(float)), *ahead = calloc(size, sizeof(float));
    seed(0);
    for (int row = 0; row < 2 * rows; row++) send(n, states, ring + row * n);
    for (int t = 0; t < steps; t++) {
        float *state = states + (size_t)size * t;
        if (sums) sum = sums + (size_t)n * t;
        if (aheads) ahead = aheads + (size_t)size * t;
        if (node->scale > 0) normals(eta, count, node->scale);
        if (place) gather(n, weights, place, ring + (newest - rows + 1) * n, sum);
        else product(n, weights, state, sum);
        step(n, *node, owns, state, sum, eta, ahead, state + size);
        if (place) {
            newest = newest + 1 < 2 * rows ? newest + 1 : rows;
            send(n, state + size, ring + newest * n);
            memcpy(ring + (newest - rows) * n, ring + newest * n, n * sizeof(float));
        }
    }
    if (!sums) free(sum);
    if (!aheads) free(ahead);
    free(ring), free(eta);
}

#ifndef JansenRit

/* Derivatives in `owns` and the gain, given those of a loss in the first state after each step, `slopes`
   (steps, n). A delayed network in reversed time, with `weights` and `place` transposed. */
void adjoint(int n, int steps, int rows, const float *weights, const int32_t *place, const Node *node,
             const float *owns, const float *states, const float *aheads, const float *sums,
             const float *slopes, float *by_own, float *by_gain) {
    const float h = node->dt;
    float *ring = calloc((size_t)2 * rows * n, sizeof(float)), *heard = calloc(n, sizeof(float));
    float *worth = calloc((size_t)STATES * n, sizeof(float)), gain = 0;
    int newest = rows - 1;
    memset(by_own, 0, n * sizeof(float));
    for (int t = steps - 1; t >= 0; t--) {
        const float *state = states + (size_t)STATES * n * t, *ahead = aheads + (size_t)STATES * n * t;
        const float *sum = sums + (size_t)n * t, *slope = slopes + (size_t)n * t;
        gather(n, weights, place, ring + (newest - rows + 1) * n, heard);
        newest = newest + 1 < 2 * rows ? newest + 1 : rows;
        float *row = ring + newest * n;
        for (int i = 0; i < n; i++) {
            const float own = owns[i], arriving = node->gain * sum[i];
            float s[STATES], u[STATES], after[STATES], k[STATES], at_s[STATES], at_u[STATES], by[2], to[2];
            LOAD(s, state);
            LOAD(u, ahead);
            LOAD(after, worth);
            after[0] += slope[i] + node->gain * heard[i];
            for (int d = 0; d < STATES; d++) k[d] = h / 2 * after[d];
            back(own, arriving, u, k, at_u, by, to);
            for (int d = 0; d < STATES; d++) k[d] += h * at_u[d];
            back(own, arriving, s, k, at_s, by + 1, to + 1);
            for (int d = 0; d < STATES; d++) worth[d * n + i] = after[d] + at_u[d] + at_s[d];
            by_own[i] += by[0] + by[1];
            row[i] = to[0] + to[1];
            gain += row[i] * sum[i];
        }
        memcpy(ring + (newest - rows) * n, row, n * sizeof(float));
    }
    *by_gain = gain;
    free(ring), free(heard), free(worth);
}

#endif

/* Sixteen networks of other parameters and gains: the standard deviation of the first state of each node,
   (n, LANES). */
void lanes(int count, int steps, int rows, const float *weights, const int32_t *place, const Node *node,
           const float *start, const float *owns, const float *gains, uint32_t number, float *deviation) {
    const int n = count * LANES, deviates = padded(NOISY * n);
    const float h = node->dt;
    int newest = rows - 1;
    float *ring = calloc((size_t)2 * rows * n, sizeof(float)), *eta = calloc(deviates, sizeof(float));
    float *state = calloc((size_t)STATES * n, sizeof(float)), *sums = calloc(n, sizeof(float));
    double *first = calloc(n, sizeof(double)), *square = calloc(n, sizeof(double));
    seed(number);
    for (int d = 0; d < STATES; d++)
        for (int i = 0; i < n; i++) state[d * n + i] = start[d];
    for (int row = 0; row < 2 * rows; row++) send(n, state, ring + (size_t)row * n);
    for (int t = 0; t < steps; t++) {
        const float *window = place ? ring + (size_t)(newest - rows + 1) * n : state;
        if (node->scale > 0) normals(eta, deviates, node->scale);
        for (int i = 0; i < count; i++) {
            float sum[LANES] = {0};
            for (int j = 0; j < count; j++) {
                const float *from = window + (size_t)(place ? place[i * count + j] : j) * LANES;
                const float weight = weights[i * count + j];
                for (int k = 0; k < LANES; k++) sum[k] += weight * from[k];
            }
            memcpy(sums + i * LANES, sum, sizeof sum);
        }
        for (int which = 0; which < count; which++)
            for (int lane = 0; lane < LANES; lane++) {
                const int i = which * LANES + lane;
                float s[STATES], u[STATES], v[STATES];
                LOAD(s, state);
                HEUN(owns[lane], gains[lane] * sums[i], s, u, v, eta, i);
                for (int d = 0; d < STATES; d++) state[d * n + i] = v[d];
                first[i] += v[0], square[i] += v[0] * v[0];
            }
        if (place) {
            newest = newest + 1 < 2 * rows ? newest + 1 : rows;
            float *row = ring + (size_t)newest * n;
            send(n, state, row);
            memcpy(row - (size_t)rows * n, row, n * sizeof(float));
        }
    }
    for (int i = 0; i < n; i++) {
        double mean = first[i] / steps, spread = square[i] / steps - mean * mean;
        deviation[i] = spread > 0 ? sqrt(spread) : 0;
    }
    free(ring), free(eta), free(state), free(sums), free(first), free(square);
}
