#pragma once

#include <cstdint>
#include <span>

namespace sg {

// Statistics of feature vectors: N x F values, one row per image. Sums are f64. All throw Error
// for sizes that do not fit the spans, for fewer than two rows and for values that are not finite.

/// The Fréchet distance between the Gaussians with the two sets' means and covariances (divided by
/// rows - 1):
///     |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)),
/// Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
/// Equilibrium", NeurIPS 2017. Never negative, symmetric, and unchanged if one rotation is applied
/// to both sets. Fewer rows than features are fine, but the value falls with the number of rows:
/// compare only distances of the same numbers.
double frechet_distance(std::span<const float> a, int64_t rows_a, std::span<const float> b,
                        int64_t rows_b, int64_t features);

struct IdentityDistances {
    double same = 0;   ///< mean distance between an image and its translation
    double other = 0;  ///< mean distance between an image and a randomly drawn other image
    /// Share of images whose translation is nearer to its input than to that other image. 1/2: a
    /// translation says nothing about its input.
    double closer = 0;
};
/// Euclidean distances between features of `inputs` and of their `translations`, row by row. The
/// other image of each row is another row of `inputs`, by Philox from the seed: a different person
/// if every row is.
IdentityDistances identity_distances(std::span<const float> inputs,
                                     std::span<const float> translations, int64_t rows,
                                     int64_t features, uint64_t seed);

}  // namespace sg
