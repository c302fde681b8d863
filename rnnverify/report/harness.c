/* Holds a port against golden vectors: cc -std=c99 harness.c port.c -lm && ./a.out

   port() stands in a file of yours, which includes vectors.h for its prototype and, if you like, for the weights. The harness calls
   it for one sample after the other, and exits 0 where every output is within what rounding may do to an implementation in float,
   else 1, with the first element that is not. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#define RNNVERIFY_HARNESS
#include "vectors.h"

/* Where an element stands: [timestep][unit], or [unit] where the output has no time. */
static void print_place(const struct output *output, int n, int k) {
    if (output->timesteps > 0) {
        int units = output->size / output->timesteps;
        printf("output %s, sample %d, timestep %d, unit %d", output->name, n, k / units, k % units);
    } else {
        printf("output %s, sample %d, unit %d", output->name, n, k);
    }
}

/* Whether it is a number, by its bits: -ffast-math takes isfinite() for true. */
static int is_number(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & 0x7f800000u) != 0x7f800000u;
}

int main(void) {
    const int outputs = (int)(sizeof OUTPUTS / sizeof OUTPUTS[0]);
    double worst = 0.0;
    long wrong = 0, elements = 0;
    for (int n = 0; n < SAMPLES; n++) {
        for (int j = 0; j < outputs; j++)
            for (int k = 0; k < OUTPUTS[j].size; k++)
                OUTPUTS[j].got[k] = NAN; /* what the port does not fill in is wrong */
        call_port(n);
        for (int j = 0; j < outputs; j++) {
            const struct output *output = &OUTPUTS[j];
            for (int k = 0; k < output->size; k++) {
                const float got = output->got[k];
                const float expected = output->expected[(long)n * output->size + k];
                const float limit = output->limit[(long)n * output->size + k];
                const double off = fabs((double)got - expected) / limit;
                elements++;
                if (is_number(got) && off <= 1.0) {
                    worst = off > worst ? off : worst;
                } else if (wrong++ == 0) {
                    printf("mismatch: ");
                    print_place(output, n, k);
                    printf(": yours %.9g, expected %.9g, a difference of %.3g where rounding gives at most %.3g\n", got, expected,
                           fabs((double)got - expected), limit);
                }
            }
        }
    }
    if (wrong > 0) {
        printf("%ld of %ld elements are wrong\n", wrong, elements);
        return 1;
    }
    printf("match: all %ld elements of %d samples are within rounding, the worst at %.2g of its limit\n", elements, SAMPLES, worst);
    return 0;
}
