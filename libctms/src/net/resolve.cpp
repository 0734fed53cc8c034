// SPDX-License-Identifier: MPL-2.0
#include "resolve.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

#include <future>
#include <thread>

namespace ctms::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

resolved ask_system(const std::string& host, std::uint16_t port) {
    resolved out;
    asio::io_context io;
    tcp::resolver resolver(io);
    const auto found =
        resolver.resolve(host, std::to_string(port), tcp::resolver::address_configured | tcp::resolver::numeric_service, out.ec);
    for (const auto& one : found) out.endpoints.push_back(one.endpoint());
    return out;
}

} // namespace

resolved resolve(const std::string& host, std::uint16_t port, std::chrono::steady_clock::time_point until) {
    boost::system::error_code no_address;
    const auto address = asio::ip::make_address(host, no_address);
    if (!no_address) return {{}, {tcp::endpoint(address, port)}};

    // Does not use async_resolve, which also uses a thread: the destructor of its io_context would wait for that thread.
    std::packaged_task<resolved()> task([host, port] { return ask_system(host, port); });
    auto answer = task.get_future();
    std::thread(std::move(task)).detach();
    if (answer.wait_until(until) != std::future_status::ready) return {asio::error::timed_out};
    return answer.get();
}

} // namespace ctms::net
