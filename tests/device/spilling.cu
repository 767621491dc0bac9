// A kernel that must not build: 96 values live at once in the 64 registers that a block of 1024
// threads leaves to each. The test asserts that the build's flags make ptxas refuse it.

__global__ void __launch_bounds__(1024) spilling_kernel(const float* x, float* y, int rounds) {
    float values[96];
#pragma unroll
    for (int i = 0; i < 96; ++i) values[i] = x[i * 1024 + threadIdx.x];
    for (int r = 0; r < rounds; ++r)
#pragma unroll
        for (int i = 0; i < 96; ++i) values[i] = values[i] * values[(i + 41) % 96] + y[r];
#pragma unroll
    for (int i = 0; i < 96; ++i) y[i * 1024 + threadIdx.x] = values[i];
}
