// SPDX-License-Identifier: MPL-2.0
// The code of Asio and Beast, compiled once for everything that links the library: BOOST_*_SEPARATE_COMPILATION is
// defined for all of it (CMakeLists.txt), so that no one compiles another copy with other options.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
