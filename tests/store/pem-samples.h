/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates, and private keys that nobody uses, in the spelling of RFC 7468. */

#pragma once

#define PEM_CERTIFICATE_ONE                                                                        \
  "-----BEGIN CERTIFICATE-----\n"                                                                  \
  "MIIBiTCCAS+gAwIBAgIUVxB7Mda20Q+z7hdqer9uej+3CIIwCgYIKoZIzj0EAwIw\n"                             \
  "GjEYMBYGA1UEAwwPb25lLmV4YW1wbGUub3JnMB4XDTI2MTEyMjE0NDMzMloXDTM2\n"                             \
  "MTExOTE0NDMzMlowGjEYMBYGA1UEAwwPb25lLmV4YW1wbGUub3JnMFkwEwYHKoZI\n"                             \
  "zj0CAQYIKoZIzj0DAQcDQgAErQa48FYlV9oLnVI+z9qGev5xCj59QwgfmJK14Kyu\n"                             \
  "hiJYWNOqb8FHAplAwMHQ7Kl+Dk1264HXGwkZxJ14nXpXiKNTMFEwHQYDVR0OBBYE\n"                             \
  "FFt94Xzk8IIiZqXpfSjTq/Y36QPDMB8GA1UdIwQYMBaAFFt94Xzk8IIiZqXpfSjT\n"                             \
  "q/Y36QPDMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhANzCBNDe\n"                             \
  "4j3BtYWxYVnS4/ZhyxwBF5YGFvkOSNy3JkmfAiAVTdut/eLnNpm7RUUd/VenbHA9\n"                             \
  "YsI8R0OSuI6Zdy+clg==\n"                                                                         \
  "-----END CERTIFICATE-----\n"

#define PEM_KEY_ONE                                                                                \
  "-----BEGIN PRIVATE KEY-----\n"                                                                  \
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdzsPhIheC0d0UaSQ\n"                             \
  "Wcf8t5ktvFBkhl98Z1ZnqetShtKhRANCAAStBrjwViVX2gudUj7P2oZ6/nEKPn1D\n"                             \
  "CB+YkrXgrK6GIlhY06pvwUcCmUDAwdDsqX4OTXbrgdcbCRnEnXideleI\n"                                     \
  "-----END PRIVATE KEY-----\n"

#define PEM_CERTIFICATE_TWO                                                                        \
  "-----BEGIN CERTIFICATE-----\n"                                                                  \
  "MIIBiTCCAS+gAwIBAgIUV38Gf0lAV1pbkikZkxgjZJnCgXAwCgYIKoZIzj0EAwIw\n"                             \
  "GjEYMBYGA1UEAwwPdHdvLmV4YW1wbGUub3JnMB4XDTI2MTEyMjE0NDMzMloXDTM2\n"                             \
  "MTExOTE0NDMzMlowGjEYMBYGA1UEAwwPdHdvLmV4YW1wbGUub3JnMFkwEwYHKoZI\n"                             \
  "zj0CAQYIKoZIzj0DAQcDQgAEzX+Udq3EaR8GwKd+djXtQ2i4lZMobO5FFDtyz4S6\n"                             \
  "wB89cmXtVfwOZwxavYOzfWCCZog/aiCV6Sa/3SXysx0nf6NTMFEwHQYDVR0OBBYE\n"                             \
  "FE8Ln8VboUn3GJSLQ2QAOBDeHpmxMB8GA1UdIwQYMBaAFE8Ln8VboUn3GJSLQ2QA\n"                             \
  "OBDeHpmxMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAIqEgHYo\n"                             \
  "QC9x+SGAjWkOHUgP93TTPXpUZ0OSM4PTGvfkAiARz+Cpl2Kn7WD9/uf3j5LZMjsb\n"                             \
  "fuwO/eCIT+r/c0eKdw==\n"                                                                         \
  "-----END CERTIFICATE-----\n"

#define PEM_KEY_TWO                                                                                \
  "-----BEGIN PRIVATE KEY-----\n"                                                                  \
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfCGpX3c8LQ1Y+gHH\n"                             \
  "INklhMwGL5XXQAnl1vqJXatUd8WhRANCAATNf5R2rcRpHwbAp352Ne1DaLiVkyhs\n"                             \
  "7kUUO3LPhLrAHz1yZe1V/A5nDFq9g7N9YIJmiD9qIJXpJr/dJfKzHSd/\n"                                     \
  "-----END PRIVATE KEY-----\n"
