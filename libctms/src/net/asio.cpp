// SPDX-License-Identifier: MPL-2.0
// Compiles Asio and Beast once for everything that links the library. CMakeLists.txt defines
// BOOST_*_SEPARATE_COMPILATION for all of it, so that nothing contains another copy compiled with other options.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
